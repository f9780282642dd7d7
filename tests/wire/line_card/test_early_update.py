"""An UPDATE that offers something new before the first offer has been answered (RFC 3311 section 5.2)."""

from __future__ import annotations

import asyncio
import re
import socket

from ops.witness.probe import offer
from tests.wire.calls import card, rung, uri

_TAG = re.compile(r"^To:.*;tag=(\S+)", re.IGNORECASE | re.MULTILINE)


def request(method: str, to: str, ours: str, *, cseq: int, tag: str = "", body: str = "") -> bytes:
    return (
        f"{method} {to} SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@{ours}>;tag=1\r\nTo: <{to}>{tag and f';tag={tag}'}\r\nCall-ID: early@{ours}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:a@{ours}>\r\n"
        f"{'Content-Type: application/sdp' * bool(body)}{chr(13) + chr(10) if body else ''}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def test_it_is_refused_for_a_moment_and_the_call_is_answered() -> None:
    async with card() as card_, _Caller(card_.port) as caller:
        to = uri(card_)
        caller.send(request("INVITE", to, caller.address, cseq=1, body=offer(4000)))
        call = await rung(card_)
        call.ring()
        found = _TAG.search(await caller.answer("180"))
        assert found is not None
        caller.send(request("UPDATE", to, caller.address, cseq=2, tag=found[1], body=offer(4002)))
        refused = await caller.answer("500")
        again = re.search(r"^Retry-After: (\d+)", refused, re.MULTILINE)
        assert again is not None
        assert 0 <= int(again[1]) <= 10
        caller.send(
            request("UPDATE", to, caller.address, cseq=3, tag=found[1])
        )  # Without an offer it only says: I live.
        await caller.answer("200")
        call.answer()
        assert "m=audio" in await caller.answer("200")


class _Caller:
    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)

    async def __aenter__(self) -> _Caller:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = "{}:{}".format(*self._socket.getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, text: bytes) -> None:
        self._socket.sendto(text, self._to)

    async def answer(self, status: str) -> str:
        """The next response with this status; others are passed over."""
        async with asyncio.timeout(10):
            while True:
                text = (await asyncio.get_running_loop().sock_recv(self._socket, 65_535)).decode()
                if text.startswith(f"SIP/2.0 {status} "):
                    return text
