"""Paces a reply's audio from its voice to the line, which never gets more than it will soon play.

An interruption discards what the line holds, so it is given little. If it runs dry, the caller hears a gap, so a phrase
from a slow voice waits until enough of it is ready.
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
        """The latest moment to wait for, in the event loop's time."""
        self.whole = asyncio.Event()
        """Set when the phrase is complete."""


class PacedAudio:
    """One reply's audio. `most_lead`: the most samples that the line may hold unplayed."""

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
        """The line has played more: there may be room."""

    def progress(self, played: int) -> None:
        """The line has played `played` samples of the reply."""
        self.played = played
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
        """Makes a phrase wait until it is complete, or the voice is as far ahead of playout as `lead` demands."""
        wait = lead.samples(self._most_lead) - (self._made - self.played)
        if wait > 0:
            head.until = asyncio.get_running_loop().time() + wait / SAMPLE_RATE
            await self._queue.put(head)

    async def end(self) -> None:
        """Marks the end: nothing more is put."""
        await self._queue.put(None)

    async def push(self, reply: int) -> None:
        """Pushes everything to the line as reply `reply`, and returns after the end."""
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
    """The audio, cut into pieces of `PIECE` bytes."""
    for start in range(0, len(speech.pcm), PIECE):
        end = start + PIECE
        yield Speech(speech.pcm[start:end], wide=speech.wide[2 * start : 2 * end])
