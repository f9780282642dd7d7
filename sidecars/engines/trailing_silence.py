"""How long it has been silent at the end of an utterance: so much need not be added for the last word to be heard."""

from __future__ import annotations

import numpy as np

FRAME = 320
"""Samples of 20 ms at 16 kHz."""
BELOW_VOICE = 1e-3
"""Power of silence against that of the loudest frame: 30 dB lower."""
AT_MOST = 1e-5
"""Power of silence, of full scale: -50 dB. Who speaks softly after a loud tone is not silent."""


class TrailingSilence:
    """Of one utterance. Where there is doubt (a noisy line, nobody has spoken yet) it is none."""

    __slots__ = ("_loudest", "_rest", "_silent")

    def __init__(self) -> None:
        self._loudest = 0.0
        self._rest = bytearray()
        """Audio that is no whole frame yet, and is taken to be as what came before it."""
        self._silent = 0
        """Frames since the last sound."""

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
