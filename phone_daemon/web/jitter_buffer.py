"""What a client sends whenever it sends it, as a frame every 20 ms. Pure: no clock and no I/O.

A network delivers in bursts and a browser stalls. So a little is kept back before anything is handed out; what runs
dry is concealed and then silent; what piles up is taken away where it is quiet, so that a caller who was late once
is not late for the rest of the call.
"""

from __future__ import annotations

import numpy as np

from phone_daemon.events import PTIME_S, SAMPLE_RATE

START_FRAMES = 2
"""Kept back before the first frame is handed out, and again after it has run dry."""
HIGH_FRAMES = 6
"""More than this is late audio: quiet frames of it are left out."""
MOST_S = 1
"""Seconds; the oldest of more is lost."""
QUIET = 400
"""Amplitude below which a frame may be left out (-38 dBFS: background, no speech)."""
FADE = (0.7, 0.4, 0.15)
"""How loud the last frame is repeated in place of each missing one (after G.711 Appendix I, which fades in 60 ms)."""


class JitterBuffer:
    """Takes 16-bit PCM of any length, half a sample included; gives frames of 20 ms."""

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        self._size = 2 * round(rate * PTIME_S)
        self._most = 2 * rate * MOST_S
        self.concealed = 0
        """Frames made up because none was there, since the start."""
        self.dropped = 0
        """Bytes lost because a second of audio waited already."""
        self._held = bytearray()
        self._waited = 0
        self._flowing = False
        self._silence = self._last = bytes(self._size)
        self._missing = len(FADE)

    def put(self, pcm: bytes) -> None:
        self._held += pcm
        if (over := len(self._held) - self._most) > 0:
            over += over % 2
            del self._held[:over]
            self.dropped += over

    def take(self) -> bytes:
        """The next frame; to be called every 20 ms."""
        if not self._flowing:
            # A client that stops in the middle must not keep its last word here: two ticks are as good as two frames.
            self._waited += bool(self._held)
            self._flowing = len(self._held) >= START_FRAMES * self._size or self._waited > START_FRAMES
        if not self._flowing or len(self._held) < self._size:
            return self._conceal()
        frame = self._next()
        if len(self._held) >= HIGH_FRAMES * self._size and _quiet(frame):
            frame = self._next()
        self._last, self._missing = frame, 0
        return frame

    def _next(self) -> bytes:
        frame = bytes(self._held[: self._size])
        del self._held[: self._size]
        return frame

    def _conceal(self) -> bytes:
        if self._flowing:
            self._flowing, self._waited = False, 0
        if self._missing >= len(FADE):
            return self._silence
        gain = FADE[self._missing]
        self._missing += 1
        self.concealed += 1
        return (np.frombuffer(self._last, "<i2") * gain).astype("<i2").tobytes()


def _quiet(frame: bytes) -> bool:
    samples = np.frombuffer(frame, "<i2")
    return int(samples.max()) < QUIET and int(samples.min()) > -QUIET
