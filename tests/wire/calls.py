"""Helpers for tests of the wire: real line cards, sound, and lines that are read to their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from ops.witness.probe import Probe
from phone_daemon.events import SAMPLE_RATE, Frame, LineClosed, LineEvent
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import IncomingCall, LineCard, SipLine

PATIENCE_S = 10.0
FREE_PORT = SipSettings(port=0)


def tone(hertz: float, seconds: float, level: int = 8000) -> bytes:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


def rms(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2))) if pcm else 0.0


def strength(pcm: bytes, hertz: float) -> float:
    """RMS of the part of `pcm` at `hertz`."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    turning = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / SAMPLE_RATE)
    return float(abs(samples @ turning) * np.sqrt(2)) / max(len(samples), 1)


class Ear:
    """Reads a line from the start to its end."""

    def __init__(self, line: SipLine) -> None:
        self.line = line
        self.events: list[LineEvent] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.line.events():
            self.events.append(event)
            self._changed.set()

    @property
    def frames(self) -> list[Frame]:
        return [event for event in self.events if isinstance(event, Frame)]

    @property
    def told(self) -> list[LineEvent]:
        """Everything but frames."""
        return [event for event in self.events if not isinstance(event, Frame)]

    @property
    def heard(self) -> bytes:
        return b"".join(frame.pcm for frame in self.frames)

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits until `condition` holds, checking at every event. Raises `TimeoutError`."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def event(self, kind: type[LineEvent]) -> LineEvent:
        """The first event of a kind."""
        await self.until(lambda: any(isinstance(event, kind) for event in self.events))
        return next(event for event in self.events if isinstance(event, kind))

    async def ticks(self, count: int) -> None:
        """Waits for this many more frames."""
        goal = len(self.frames) + count
        await self.until(lambda: len(self.frames) >= goal)

    async def closed(self) -> LineClosed:
        """Waits for the end of the line, which ends the reader too."""
        async with asyncio.timeout(PATIENCE_S):
            await self._task
        last = self.events[-1]
        assert isinstance(last, LineClosed)
        return last


def gapless(frames: list[Frame]) -> bool:
    return [frame.position for frame in frames] == list(range(0, 160 * len(frames), 160))


@asynccontextmanager
async def card(settings: SipSettings = FREE_PORT) -> AsyncIterator[LineCard]:
    started = await LineCard.start(settings)
    try:
        yield started
    finally:
        await started.close()


@asynccontextmanager
async def two_cards(settings: SipSettings = FREE_PORT) -> AsyncIterator[tuple[LineCard, LineCard]]:
    async with card(settings) as ours, card(settings) as theirs:
        yield ours, theirs


def uri(ours: LineCard) -> str:
    return f"sip:4711@127.0.0.1:{ours.port}"


@asynccontextmanager
async def call(ours: LineCard) -> AsyncIterator[tuple[Probe, Ear]]:
    """A call from a probe that `ours` answers; the line is read."""
    async with Probe(uri(ours)) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        yield probe, ear


async def options(port: int) -> tuple[int, str]:
    """Status and text of the answer to OPTIONS."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            if not answer.done():
                answer.set_result(data)

    transport, _ = await loop.create_datagram_endpoint(Client, remote_addr=("127.0.0.1", port))
    ours = "{}:{}".format(*transport.get_extra_info("sockname"))
    transport.sendto(
        f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bK{id(answer)}\r\n"
        f"From: <sip:x@{ours}>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: {id(answer)}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(5):
            text = (await answer).decode()
    finally:
        transport.close()
    return int(text.split(" ")[1]), text


async def until_options(port: int, status: int) -> None:
    """Waits for this answer to OPTIONS: a slot is free a moment after BYE, and a card drains once it is told."""
    async with asyncio.timeout(5):
        while (await options(port))[0] != status:  # noqa: ASYNC110 (the card tells nobody)
            await asyncio.sleep(0.05)


async def rung(ours: LineCard) -> IncomingCall:
    """The next call that comes in."""
    async with asyncio.timeout(PATIENCE_S):
        return await ours.incoming.get()


async def connect(ours: LineCard, theirs: LineCard, caller: str = "0123") -> tuple[Ear, Ear]:
    """A call from `theirs` that `ours` answers; both ends are read."""
    placing = asyncio.create_task(theirs.place(f"sip:4711@127.0.0.1:{ours.port}", caller))
    answered = Ear((await rung(ours)).answer())
    return answered, Ear(await placing)
