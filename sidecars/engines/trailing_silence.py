"""Measures the silence at the end of an utterance: that much less has to be added for its last word to be heard."""

from __future__ import annotations

import numpy as np

FRAME = 320
"""Samples in 20 ms at 16 kHz."""
BELOW_VOICE = 1e-3
"""The power of silence relative to the loudest frame: 30 dB lower."""
AT_MOST = 1e-5
"""The power of silence relative to full scale: -50 dB. Soft speech after a loud tone is not silence."""


class TrailingSilence:
    """The trailing silence of one utterance. In doubt (a noisy line, no speech yet) it is 0."""

    __slots__ = ("_loudest", "_rest", "_silent")

    def __init__(self) -> None:
        self._loudest = 0.0
        self._rest = bytearray()
        """Audio that does not fill a frame yet; it is assumed to be like the audio before it."""
        self._silent = 0
        """The number of frames since the last sound."""

    def feed(self, pcm: bytes) -> None:
        """Takes the next samples: 16 kHz, 16 bits, any number of them."""
        self._rest += pcm
        whole = len(self._rest) // (2 * FRAME) * 2 * FRAME
        frames = np.frombuffer(bytes(self._rest[:whole]), "<i2").reshape(-1, FRAME).astype(np.float32) / 32768
        del self._rest[:whole]
        for power in np.square(frames).mean(1).tolist():
            self._loudest = max(self._loudest, power)
            self._silent = self._silent + 1 if power < min(AT_MOST, BELOW_VOICE * self._loudest) else 0

    @property
    def samples(self) -> int:
        return self._silent * FRAME + len(self._rest) // 2 if self._silent else 0
