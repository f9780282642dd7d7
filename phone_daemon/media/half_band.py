"""Converts between 8 and 16 kHz, a frame at a time and 1.9 ms late, so that recognition hears 16 kHz while a call
decides by 8 kHz.

Every second tap of a half-band filter is zero (63 taps, Kaiser window). It is flat to 3.4 kHz, and what lies above 4.6
kHz is attenuated to -64 dB. soxr's streams (`sidecars/resample.py`) are better but hold back 27 ms, which would delay
an interruption.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sidecars.resample import to_pcm

HALF = 31
"""Samples at 16 kHz before and after the middle one, which is how late everything is."""


def _taps() -> npt.NDArray[np.float32]:
    """The nonzero taps except the middle one (one half)."""
    at = np.arange(-HALF, HALF + 1, 2)
    taps = np.sin(np.pi * at / 2) / (np.pi * at) * np.kaiser(2 * HALF + 1, 6.2)[::2]
    scaled: npt.NDArray[np.float32] = (taps / (2 * taps.sum())).astype(np.float32)
    return scaled


_TAPS = _taps()


class Halver:
    """A stream from 16 to 8 kHz."""

    def __init__(self) -> None:
        self._past = np.zeros(2 * HALF, np.float32)

    def feed(self, pcm: bytes) -> tuple[bytes, bytes]:
        """Takes an even number of 16-bit samples, and returns them at 8 kHz, and at 16 kHz with the same delay.

        Sample 2k of the second is at the same time as sample k of the first.
        """
        heard = np.concatenate((self._past, np.frombuffer(pcm, "<i2")), dtype=np.float32)
        self._past = heard[-2 * HALF :]
        middle = heard[HALF : heard.size - HALF]
        halved = np.convolve(heard[::2], _TAPS, "valid")[: middle.size // 2] + middle[::2] / 2
        return to_pcm(halved), middle.astype("<i2").tobytes()


class Doubler:
    """A stream from 8 to 16 kHz."""

    def __init__(self) -> None:
        self._past = np.zeros(HALF, np.float32)

    def feed(self, pcm: bytes) -> bytes:
        """`pcm`, 16-bit samples at 8 kHz, converted to 16 kHz: twice as many."""
        heard = np.concatenate((self._past, np.frombuffer(pcm, "<i2")), dtype=np.float32)
        self._past = heard[-HALF:]
        doubled = np.empty(len(pcm), np.float32)
        doubled[::2] = 2 * np.convolve(heard, _TAPS, "valid")
        doubled[1::2] = heard[HALF // 2 + 1 :][: len(pcm) // 2]
        return to_pcm(doubled)
