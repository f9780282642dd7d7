"""Passes audio from one line to another with as little delay as possible."""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, Frame, WideFrame, samples

CUSHION = bytes(2 * FRAME_BYTES)
"""Silence inserted before the first sound, and after a gap, because frames are late now and then."""
MOST_AHEAD = samples(0.12)
"""A frame that would wait longer than this is dropped; otherwise a delay would never shrink again."""


class AudioRelay:
    """One direction between two connected lines. `play` takes a reply's number and its audio at 8 kHz and at 16 kHz,
    which is empty for a narrowband line."""

    def __init__(self, play: Callable[[int, bytes, bytes], None]) -> None:
        self._play = play
        self._queued = 0
        """Samples that wait in the line's queue."""

    def tick(self, queued: int) -> None:
        """The line has played 20 ms and reported how much was queued, which may not include the last frames sent."""
        self._queued = queued or max(self._queued - FRAME_SAMPLES, 0)

    def play(self, reply: int, frame: Frame) -> None:
        """Passes on the caller's audio in `frame`."""
        if self._queued > MOST_AHEAD:
            return
        pcm, wide = frame.pcm, frame.wide if isinstance(frame, WideFrame) else b""
        if not self._queued:
            pcm, wide = CUSHION + pcm, wide and 2 * CUSHION + wide
        self._queued += len(pcm) // 2
        self._play(reply, pcm, wide)
