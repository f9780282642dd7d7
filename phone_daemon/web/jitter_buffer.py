"""A client's audio, which may come at any time, as a frame every 20 ms. Pure: no clock and no I/O.

A network delivers in bursts, and a browser stalls. So a little audio is held back at the start. When the buffer runs
dry, the gap is first concealed and then silent; when audio piles up, quiet frames are dropped, so that a caller who was
late once is not late for the rest of the call.
"""

from __future__ import annotations

import numpy as np

from phone_daemon.events import SAMPLE_RATE, frame_samples

START_FRAMES = 2
"""Frames held back before the first one is returned, and again after the buffer has run dry."""
HIGH_FRAMES = 6
"""Above this many frames the audio is late, and quiet frames are dropped."""
MOST_S = 1
"""The most audio that waits, in seconds; beyond it the oldest is lost."""
QUIET = 400
"""The amplitude below which a frame may be dropped (-38 dBFS: background, not speech)."""
FADE = (0.7, 0.4, 0.15)
"""The gain of the last frame each time it is repeated in place of a missing one (after G.711 Appendix I, which fades
out in 60 ms)."""


class JitterBuffer:
    """Takes 16-bit PCM of any length, even half a sample, and returns frames of 20 ms."""

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        self._size = 2 * frame_samples(rate)
        self._most = 2 * rate * MOST_S
        self.concealed = 0
        """Missing frames that were concealed since the start."""
        self.dropped = 0
        """Bytes lost because a second of audio was already waiting."""
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
        """Returns the next frame; called every 20 ms."""
        if not self._flowing:
            # The last word of a client that stops in the middle must not stay here: two ticks count as two frames.
            self._waited += bool(self._held)
            self._flowing = len(self._held) >= START_FRAMES * self._size or self._waited > START_FRAMES
        if not self._flowing or len(self._held) < self._size:
            return self._conceal()
        frame = self._next()
        if len(self._held) >= HIGH_FRAMES * self._size and is_quiet(frame):
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


def is_quiet(frame: bytes) -> bool:
    """Whether nobody speaks in a frame, so that it may be dropped."""
    samples = np.frombuffer(frame, "<i2")
    return int(samples.max()) < QUIET and int(samples.min()) > -QUIET
