"""Calls that we place, to somebody whose answer names places to which no SIP request can be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ops.witness.probe import offer, until
from phone_daemon.events import EndReason
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.line_card.next_hop import NextHops, readable
from phone_daemon.wire.sip_line import CallRefused
from tests.wire.calls import PATIENCE_S, Ear, card

PLAIN = "Contact: <sip:5@127.0.0.1:{port}>\r\n"


class Callee(asyncio.DatagramProtocol):
    """Answers INVITE and BYE with 200 and these header lines."""

    def __init__(self, headers: str) -> None:
        self._headers = headers
        self.got: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = parse(data.decode())
        self.got.append(request.method)
        if request.method not in ("INVITE", "BYE"):
            return
        self._asked = addr
        body = offer(40_000) if request.method == "INVITE" else ""
        lines = [
            "SIP/2.0 200 OK",
            *(f"Via: {via}" for via in request.all("via")),
            f"From: {request.header('from')}",
            f"To: {request.header('to')}" + ("" if request.to_tag else ";tag=callee"),
            *(f"{name}: {request.header(name.lower())}" for name in ("Call-ID", "CSeq")),
            *self._headers.format(port=self.port).splitlines(),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._answer = "\r\n".join((*lines, "", body)).encode()
        self.again()

    def again(self) -> None:
        """Repeats the last answer."""
        self.transport.sendto(self._answer, self._asked)


@asynccontextmanager
async def callee(headers: str, kind: type[Callee] = Callee) -> AsyncIterator[Callee]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: kind(headers), local_addr=("127.0.0.1", 0))
    try:
        yield made
    finally:
        transport.close()


@pytest.mark.parametrize(
    "headers",
    [
        *("Contact: <tel:+442079460100>\r\n", "Contact: <http://callee.example>\r\n", "m: http://callee.example\r\n"),
        *("Contact: <sip:\r\n", "Contact: nonsense\r\n", "Contact: <sip:5@127.0.0.1:99999>\r\n", ""),
        *(f"{PLAIN}Record-Route: <http://proxy.example>\r\n", f"{PLAIN}Record-Route: <sip:\r\n"),
        *(f"{PLAIN}Session-Expires: soon\r\n", f"{PLAIN}Expires: x\r\n"),
        *("Contact: <sips:5@127.0.0.1>\r\n", "Contact: <sip:5@127.0.0.1:5061;transport=tls>\r\n"),
        *("Contact: <sip:5@nobody.invalid>\r\n", "Contact: <sip:5@203.0.113.9>\r\n", "Contact: <sip:5@[::1]>\r\n"),
        *("Contact: <sip:5@0.0.0.0>\r\n", "Contact: <sip:5@127.0.0.1;maddr=nobody.invalid>\r\n"),
        f"{PLAIN}Record-Route: <sip:127.0.0.1:5061;transport=tls;lr>\r\n",
        "Contact: <sips:5@nobody.invalid>\r\nRecord-Route: <sip:127.0.0.1:{port};lr>\r\n",
    ],
)
async def test_the_call_is_answered_acknowledged_and_can_be_ended(headers: str) -> None:
    async with card() as ours, callee(headers) as other, asyncio.timeout(PATIENCE_S):
        line = await ours.place(f"sip:9@127.0.0.1:{other.port}")
        line.hang_up()
        while "BYE" not in other.got:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.02)
        assert "ACK" in other.got


async def test_a_callee_whom_our_ack_does_not_reach_is_given_up() -> None:
    """Its TCP port is closed, which shows only after the ACK was sent."""
    sip = SipSettings(port=0, ack_timeout_s=1.0)
    async with card(sip) as ours, callee("Contact: <sip:5@127.0.0.1:9;transport=tcp>\r\n") as other:
        ear = Ear(await ours.place(f"sip:9@127.0.0.1:{other.port}"))
        await ear.ticks(10)
        assert "ACK" not in other.got
        await asyncio.sleep(sip.ack_timeout_s)
        other.again()
        assert (await ear.closed()).reason is EndReason.NO_ACK


class Forked(Callee):
    """Two telephones behind a proxy: the first is busy, the second answers all the same."""

    def again(self) -> None:
        if self.got == ["INVITE"]:
            busy = self._answer.replace(b"200 OK", b"486 Busy Here").replace(b"tag=callee", b"tag=busy")
            self.transport.sendto(busy, self._asked)
        else:
            super().again()


async def test_whoever_answers_a_call_that_is_over_is_not_left_waiting() -> None:
    async with card() as ours, callee(PLAIN, Forked) as other:
        with pytest.raises(CallRefused, match="486"):
            await ours.place(f"sip:9@127.0.0.1:{other.port}")
        await until(lambda: other.got == ["INVITE", "ACK"])
        async with asyncio.timeout(PATIENCE_S):
            while (await ours.stats()).calls:
                pass
        for _ in range(2):
            other.again()
        await until(lambda: other.got[2:].count("ACK") == 2 and "BYE" in other.got)


def hops(unreachable: str = "", log: list[str] | None = None) -> NextHops:
    def reaches(host: str, port: int, transport: str, sender: str) -> bool:
        return transport == "udp" and host != unreachable

    return NextHops(reaches, lambda *_: True, ([] if log is None else log).append)


def reachable(text: str, sender: str) -> str:
    return hops().reachable(text, sender)


def response(headers: str, method: str = "INVITE", start: str = "SIP/2.0 200 OK") -> str:
    return f"{start}\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{headers}\r\nbody"


@pytest.mark.parametrize(
    "headers",
    [
        *(
            "Contact: <sip:a@b>\r\n",
            "Contact: sip:a@b;transport=tls\r\n",
            "Contact: *\r\n",
            "Contact: <sip:a@b>\r\nSubject: tel:1\r\n",
        ),
        'Contact: "Tel: 5" <sip:a@b>\r\nRecord-Route: <sips:q;lr>,\r\n <sip:p;lr>\r\n',
    ],
)
def test_what_can_be_reached_stays(headers: str) -> None:
    assert reachable(response(headers), "192.0.2.1:5060") == response(headers)


def test_whoever_accepts_a_call_without_a_contact_is_reached_where_that_came_from() -> None:
    kept = hops()
    assert "Contact: <sip:192.0.2.1:5060>\r\n" in kept.reachable(response(""), "192.0.2.1:5060")
    later = response("").replace("CSeq: 1 ", "CSeq: 2 ")
    assert kept.reachable(later, "192.0.2.1:5060") == later
    assert reachable(response("", start="SIP/2.0 180 Ringing"), "192.0.2.1:5060") == response(
        "", start="SIP/2.0 180 Ringing"
    )


def test_only_messages_that_make_dialogs_are_changed() -> None:
    odd = "Contact: <tel:1>\r\n"
    for text in (response(odd, "OPTIONS"), response(odd, start="SIP/2.0 302 Moved")):
        assert reachable(text, "192.0.2.1:5060") == text
    for text in (response(odd, "UPDATE"), response(odd, start="INVITE sip:1@h SIP/2.0")):
        assert "Contact: <sip:192.0.2.1:5060>" in reachable(text, "192.0.2.1:5060")


def test_a_place_that_nothing_can_be_sent_to_is_left_for_the_senders() -> None:
    log: list[str] = []
    mended = hops("10.0.0.5", log).reachable(response("Contact: <sip:ann@10.0.0.5>\r\n"), "192.0.2.1:5060")
    assert "Contact: <sip:ann@192.0.2.1:5060>\r\n" in mended
    assert len(log) == 1 and "10.0.0.5 by udp" in log[0] and "ann" not in log[0]
    by_tcp = response("Contact: <sips:ann@h>\r\n").replace("Via: v", "Via: SIP/2.0/TCP h")
    assert "Contact: <sip:ann@192.0.2.1:40000;transport=tcp>" in hops().reachable(by_tcp, "192.0.2.1:40000")


def test_a_call_with_a_route_may_have_any_contact_for_all_its_life() -> None:
    known = hops("10.0.0.5")
    odd = "Contact: <sip:ann@10.0.0.5>\r\n"
    for text in (
        response(f"{odd}Record-Route: <sip:p;lr>\r\n"),
        response(odd, start="INVITE sip:1@h SIP/2.0").replace("To: t", "To: t;tag=1"),
        response(odd, "UPDATE"),
    ):
        assert known.reachable(text, "192.0.2.1:5060") == text


def test_the_proxy_of_a_route_is_told_of_tls_in_another_way() -> None:
    for contact in ("<sips:ann@h:5061>", "sips:ann@h:5061;expires=60", '"Ann" <sips:ann@h:5061;transport=tls>'):
        text = response(f"Contact: {contact}\r\nRecord-Route: <sip:p;lr>\r\n")
        assert "Contact: <sip:ann@h:5061;transport=tls>\r\n" in hops().reachable(text, "192.0.2.1:5060")


def test_a_call_without_a_route_is_followed_where_it_moves() -> None:
    known = hops("10.0.0.5")
    known.reachable(response("Contact: <sip:ann@h>\r\n"), "192.0.2.1:5060")
    moved = response("Contact: <sip:ann@10.0.0.5>\r\n", start="UPDATE sip:1@h SIP/2.0", method="UPDATE")
    assert "<sip:ann@192.0.2.1:5060>" in known.reachable(moved, "192.0.2.1:5060")


def test_of_a_response_that_cannot_be_read_what_a_call_needs_is_kept_once() -> None:
    plain = readable(response("Session-Expires: soon\r\nContact: <sip:\r\n"), "192.0.2.1:5060")
    assert plain is not None
    message = parse(plain)
    assert (message.code, message.header("contact"), message.body) == (200, "<sip:192.0.2.1:5060>", "body")
    assert not message.header("session-expires")
    assert readable(plain, "192.0.2.1:5060") is None
    assert readable(response("", start="INVITE sip:1@h SIP/2.0"), "192.0.2.1:5060") is None


def test_of_several_challenges_the_one_is_kept_that_pjsip_can_answer() -> None:
    digest = 'Proxy-Authenticate: Digest realm="r", nonce="n"\r\n'
    text = response(f'Proxy-Authenticate: NTLM realm="r", version=4\r\n{digest}', start="SIP/2.0 407 Authenticate")
    plain = readable(text, "192.0.2.9:5060")
    assert plain is not None
    assert parse(plain).all("proxy-authenticate") == ['Digest realm="r", nonce="n"']
