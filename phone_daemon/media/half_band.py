"""Between 8 and 16 kHz, a frame at a time and 1.9 ms late: what recognition hears, beside what a call decides by.

A half-band filter (63 taps, Kaiser window) has every second tap at zero. It is flat to 3.4 kHz, and what lies above
4.6 kHz comes back at -64 dB. soxr's streams (`sidecars/resample.py`) are better and hold back 27 ms, which an
interruption would wait for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HALF = 31
"""Samples at 16 kHz before and after the one in the middle: how late everything is."""
Pcm = npt.NDArray[np.int16]


def _taps() -> npt.NDArray[np.float32]:
    """Those that are not zero, but for the one in the middle (one half)."""
    at = np.arange(-HALF, HALF + 1, 2)
    taps = np.sin(np.pi * at / 2) / (np.pi * at) * np.kaiser(2 * HALF + 1, 6.2)[::2]
    scaled: npt.NDArray[np.float32] = (taps / (2 * taps.sum())).astype(np.float32)
    return scaled


_TAPS = _taps()


def _rounded(samples: npt.NDArray[np.floating]) -> bytes:
    pcm: bytes = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
    return pcm


class Halver:
    """One stream from 16 to 8 kHz."""

    def __init__(self) -> None:
        self._past = np.zeros(2 * HALF, np.float32)

    def feed(self, pcm: bytes) -> tuple[bytes, bytes]:
        """`pcm` at 8 kHz, and at 16 kHz as late as that; an even number of 16-bit samples, the same two ways.

        Sample 2k of the second is where sample k of the first is.
        """
        heard = np.concatenate((self._past, np.frombuffer(pcm, "<i2")), dtype=np.float32)
        self._past = heard[-2 * HALF :]
        middle = heard[HALF : heard.size - HALF]
        halved = np.convolve(heard[::2], _TAPS, "valid")[: middle.size // 2] + middle[::2] / 2
        return _rounded(halved), middle.astype("<i2").tobytes()


class Doubler:
    """One stream from 8 to 16 kHz."""

    def __init__(self) -> None:
        self._past = np.zeros(HALF, np.float32)

    def feed(self, pcm: bytes) -> bytes:
        """`pcm`, 16-bit samples at 8 kHz, at 16 kHz: twice as many."""
        heard = np.concatenate((self._past, np.frombuffer(pcm, "<i2")), dtype=np.float32)
        self._past = heard[-HALF:]
        doubled = np.empty(len(pcm), np.float32)
        doubled[::2] = 2 * np.convolve(heard, _TAPS, "valid")
        doubled[1::2] = heard[HALF // 2 + 1 :][: len(pcm) // 2]
        return _rounded(doubled)
