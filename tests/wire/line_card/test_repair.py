"""Messages whose headers lead elsewhere than where they came from."""

from __future__ import annotations

import argparse
import socket

import pytest

from phone_daemon.wire.line_card.repair import Repair
from tests.wire.calls import card

REQUEST = (
    "OPTIONS sip:1@127.0.0.1 SIP/2.0\r\n{via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1@h>\r\nCall-ID: m\r\n"
    "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("maddr", [";maddr=nobody.invalid", "; maddr = nobody.invalid", ""])
async def test_an_answer_goes_back_and_not_to_a_name_in_its_via(maddr: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.settimeout(5.0)
        async with card() as ours:
            via = f"Via: SIP/2.0/UDP 127.0.0.1:{end.getsockname()[1]}{maddr};branch=z9hG4bKm"
            end.sendto(REQUEST.format(via=via).encode(), ("127.0.0.1", ours.port))
            assert end.recv(4_000).startswith(b"SIP/2.0 200")


def test_a_strangers_names_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    mended = Repair(argparse.Namespace(bind="127.0.0.1", transports="udp", codecs="PCMU"), lambda *_: False)
    invite = (
        "INVITE sip:1@h SIP/2.0\r\nVia: v\r\nCSeq: 1 INVITE\r\nContact: <sip:a@nobody.invalid>\r\n"
        "Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 nobody.invalid\r\nt=0 0\r\n"
        "m=audio 9 RTP/AVP 0\r\n"
    )
    assert mended(invite, "127.0.0.1:5060") == invite
