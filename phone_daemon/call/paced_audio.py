"""A reply's audio between its voice and the line, which is never given more than it will soon play.

What the line has is lost when the caller interrupts, so it has little; what it lacks is a gap that the caller hears, so
a phrase from a slow voice waits until enough of it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from phone_daemon.events import SAMPLE_RATE, Speech, samples
from phone_daemon.tts.lead import Lead
from phone_daemon.wire.line import Line

PIECE = 2 * samples(0.1)
"""Bytes pushed to the line at once: small against the lead, large against the cost of a message."""


class Head:
    """The beginning of a phrase that waits for more of it."""

    def __init__(self) -> None:
        self.until = 0.0
        """In the loop's time."""
        self.whole = asyncio.Event()
        """Nothing more will come of the phrase."""


class PacedAudio:
    """`most_lead`: samples that the line may have and not yet have played."""

    def __init__(self, line: Line, most_lead: int) -> None:
        self.played = 0
        """Samples handed to RTP, as last told by `progress`."""
        self._line = line
        self._most_lead = most_lead
        # Synthesis may run ahead of playout by ten seconds, so that the next phrase is ready when this one ends.
        self._queue: asyncio.Queue[Speech | Head | None] = asyncio.Queue(maxsize=100)
        self._made = 0
        """Samples put so far."""
        self._pushed = 0
        self._room = asyncio.Event()

    def progress(self, played: int) -> None:
        """The line has played `played` samples of the reply."""
        self.played = played
        if self._pushed - played < self._most_lead:
            self._room.set()

    async def put(self, speech: Speech) -> None:
        self._made += len(speech.pcm) // 2
        for piece in _pieces(speech):
            await self._queue.put(piece)

    def put_nowait(self, speech: Speech) -> None:
        """Raises `asyncio.QueueFull`."""
        self._made += len(speech.pcm) // 2
        for piece in _pieces(speech):
            self._queue.put_nowait(piece)

    async def hold(self, head: Head, lead: Lead) -> None:
        """Has a phrase wait until the line, with what it still has to play, is as far behind as the voice needs."""
        wait = lead.samples(self._most_lead) - (self._made - self.played)
        if wait > 0:
            head.until = asyncio.get_running_loop().time() + wait / SAMPLE_RATE
            await self._queue.put(head)

    async def end(self) -> None:
        """Nothing more is put."""
        await self._queue.put(None)

    async def push(self, reply: int) -> None:
        """Pushes everything to the line as its reply `reply`, to the end."""
        while (piece := await self._queue.get()) is not None:
            if isinstance(piece, Head):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(piece.until):
                        await piece.whole.wait()
                continue
            while self._pushed - self.played >= self._most_lead:
                self._room.clear()
                await self._room.wait()
            self._line.play(reply, piece.pcm, piece.wide)
            self._pushed += len(piece.pcm) // 2
        self._line.finish(reply)


def _pieces(speech: Speech) -> Iterator[Speech]:
    """Its audio, cut."""
    for start in range(0, len(speech.pcm), PIECE):
        end = start + PIECE
        yield Speech(speech.pcm[start:end], wide=speech.wide[2 * start : 2 * end])
