"""SIP over TCP, divided into messages: however the bytes arrive, and whatever the length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from phone_daemon.wire.line_card.tcp_streams import MAX_MESSAGE, MAX_SKIPPED, Framing
from phone_daemon.wire.sip import LineCard
from tests.wire.calls import PATIENCE_S, Ear, card, rung


class Long:
    """Shortens every long message to its first four bytes, unless it begins with BAD."""

    def fit(self, message: bytes, /) -> tuple[bytes, bytes]:
        return (b"", self.refuse(message)) if message.startswith(b"BAD") else (message[:4], b"")

    def refuse(self, message: bytes, /) -> bytes:
        return b"513 " + message[:4]


def message(start: str, body: int = 0, head: int = 0) -> bytes:
    return f"{start}\r\nX: {'x' * head}\r\nContent-Length: {body}\r\n\r\n{'b' * body}".encode()


SHORT, ALIVE = message("ONE a SIP/2.0", 20), b"\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("sent", "taken", "answers"),
    [
        (SHORT + ALIVE + SHORT, SHORT + ALIVE + SHORT, b""),
        (message("LONG", 5_000) + SHORT, b"LONG" + SHORT, b""),
        (message("LONG", head=60_000) + SHORT, b"LONG" + SHORT, b""),
        (message("BAD1", 5_000) + SHORT, SHORT, b"513 BAD1"),
        (message("HUGE", 70_000) + SHORT, SHORT, b"513 HUGE"),
        (b"TWO\r\nl : 3\r\n\r\nabc" + SHORT, b"TWO\r\nl : 3\r\n\r\nabc" + SHORT, b""),
        (b"NONE\r\n\r\n" + SHORT, b"NONE\r\n\r\n" + SHORT, b""),
    ],
)
def test_messages_are_passed_on_whole_whatever_pieces_they_come_in(
    sent: bytes, taken: bytes, answers: bytes, size: int
) -> None:
    framing = Framing(Long())
    pieces = [framing.feed(sent[at : at + size]) for at in range(0, len(sent), size)]
    assert b"".join(piece[0] for piece in pieces) == taken
    assert b"".join(piece[1] for piece in pieces) == answers
    assert not framing.broken


@pytest.mark.parametrize(
    "sent", [b"x" * (MAX_MESSAGE + 1), message("GONE").replace(b": 0", b": %d" % (MAX_SKIPPED + 1))]
)
def test_where_no_next_message_can_be_found_there_is_none(sent: bytes) -> None:
    framing = Framing(Long())
    assert framing.feed(sent)[1].startswith(b"513 ")
    assert framing.broken
    assert framing.feed(SHORT) == (b"", b"")


class Caller:
    """A caller by TCP, at the level of messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.port = writer.get_extra_info("sockname")[1]
        self.calls = 0

    def request(self, method: str, body: str = "", more: str = "", tag: str = "", cseq: int = 1) -> str:
        more += "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:100@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP 127.0.0.1:{self.port};branch=z9hG4bK{cseq}{self.calls}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:ada@127.0.0.1>;tag=a\r\nTo: <sip:100@127.0.0.1>{tag}\r\n"
            f"Call-ID: c{self.calls}-{self.port}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:ada@127.0.0.1:{self.port};transport=tcp>\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    async def send(self, text: str) -> None:
        # In pieces, as the network may deliver it.
        for at in range(0, len(text), 5_000):
            self._writer.write(text[at : at + 5_000].encode())
            await self._writer.drain()

    async def response(self) -> str:
        """The next final response."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
                size = next(int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
                body = (await self._reader.readexactly(size)).decode()
                if not head.startswith("SIP/2.0 1"):
                    return head + body

    async def ask(self, method: str, body: str = "", more: str = "", tag: str = "", cseq: int = 1) -> str:
        self.calls += not tag
        await self.send(self.request(method, body, more, tag, cseq))
        return await self.response()


@asynccontextmanager
async def caller(ours: LineCard) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()


OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@pytest.mark.parametrize("signatures", [3, 5, 20, 65])
async def test_an_invite_of_any_length_is_a_call_and_so_is_what_follows(signatures: int) -> None:
    identity = f"Identity: {'eyJhbGciOiJFUzI1NiIs' * 45}\r\n" * signatures
    async with card() as ours, caller(ours) as ada:
        asked = asyncio.create_task(ada.ask("INVITE", OFFER, identity + "Diversion: <sip:+15550100@192.0.2.1>\r\n"))
        incoming = await rung(ours)
        assert incoming.numbers == ("100", "+15550100")
        assert incoming.address == f"127.0.0.1:{ada.port}"
        ear = Ear(incoming.answer())
        answer = await asked
        assert answer.startswith("SIP/2.0 200 ")
        assert "m=audio " in answer
        tag = ";tag=" + answer.split("To: ")[1].split("tag=")[1].split("\r\n")[0]
        await ada.send(ada.request("ACK", tag=tag))
        await ear.ticks(5)
        assert (await ada.ask("OPTIONS", tag=tag, cseq=2)).startswith("SIP/2.0 200 ")
        assert (await ada.ask("BYE", tag=tag, cseq=3)).startswith("SIP/2.0 200 ")
        await ear.closed()


@pytest.mark.parametrize(("routes", "size"), [(60, 0), (0, 80_000)])
async def test_what_is_too_long_is_513_and_the_connection_lives(routes: int, size: int) -> None:
    more = "".join(f"Record-Route: <sip:192.0.2.1;lr;x={n:080}>\r\n" for n in range(routes))
    async with card() as ours, caller(ours) as ada:
        assert (await ada.ask("INVITE", OFFER + "a=x\r\n" * (size // 5), more)).startswith("SIP/2.0 513 ")
        asked = asyncio.create_task(ada.ask("INVITE", OFFER))
        (await rung(ours)).refuse(486)
        assert (await asked).startswith("SIP/2.0 486 ")


async def test_a_connection_that_ends_in_mid_message_harms_nobody() -> None:
    async with card() as ours, caller(ours) as bob:
        for _ in range(3):
            async with caller(ours) as ada:
                await ada.send(ada.request("INVITE", OFFER)[:300])
        assert (await bob.ask("OPTIONS")).startswith("SIP/2.0 200 ")
