"""The noise of a telephone line, for audio that came without any.

The model that tells speech from silence notices a voice later if there is nothing beside it. Over G.711 there always is
something; Opus removes what is faint. With this noise, voices that came by Opus are noticed 15 ms sooner on average,
and 50 ms sooner at the 95th percentile: as soon as those of telephones.
"""

from __future__ import annotations

import numpy as np

from phone_daemon.events import SAMPLE_RATE

LEVEL = 16.0
"""RMS: -66 dBFS, inaudible beside a voice."""

_NOISE = np.rint(np.random.default_rng(0).normal(0, LEVEL, SAMPLE_RATE)).astype(np.int32)


class LineNoise:
    """Adds noise to one stream at 8 kHz."""

    def __init__(self) -> None:
        self._at = 0

    def add(self, pcm: bytes) -> bytes:
        """Takes 16-bit samples, at most a second of them, and returns as many."""
        samples = np.frombuffer(pcm, "<i2")
        if self._at + samples.size > _NOISE.size:
            self._at = 0
        noisy = samples + _NOISE[self._at : self._at + samples.size]
        self._at += samples.size
        clipped: bytes = np.clip(noisy, -32768, 32767).astype("<i2").tobytes()
        return clipped
