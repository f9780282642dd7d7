"""Audio on its way from one line to another, no further ahead than it must be."""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, Frame, WideFrame, samples

CUSHION = bytes(2 * FRAME_BYTES)
"""Silence before the first sound, and after a gap: frames are late now and then."""
MOST_AHEAD = samples(0.12)
"""A frame that would wait longer is left out, or what was late once would be late for ever."""


class Way:
    """One direction of two lines that are joined. `play` takes a reply's number and its audio at 8 and 16 kHz; the
    latter is empty where a line has none."""

    def __init__(self, play: Callable[[int, bytes, bytes], None]) -> None:
        self._play = play
        self._queued = 0
        """Samples that wait at the line."""

    def tick(self, queued: int) -> None:
        """The line has played 20 ms and told how much waited then; what was sent just now it may not know of."""
        self._queued = queued or max(self._queued - FRAME_SAMPLES, 0)

    def play(self, reply: int, frame: Frame) -> None:
        """Passes on what was heard in `frame`."""
        if self._queued > MOST_AHEAD:
            return
        pcm, wide = frame.pcm, frame.wide if isinstance(frame, WideFrame) else b""
        if not self._queued:
            pcm, wide = CUSHION + pcm, wide and 2 * CUSHION + wide
        self._queued += len(pcm) // 2
        self._play(reply, pcm, wide)
