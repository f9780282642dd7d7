"""Detects the beep of an answering machine: one steady, loud tone of a fifth of a second or more."""

from __future__ import annotations

import numpy as np

from phone_daemon.events import SAMPLE_RATE

WINDOW = 320
"""Samples that are examined together: 40 ms, so that a bin is 25 Hz wide."""
LOWEST_HZ, HIGHEST_HZ = 350.0, 2200.0
PURE = 0.9
"""The share of the power within a bin of the strongest: a voice has harmonics, and a key has two tones."""
LOUD = 300.0
"""Least RMS of 16-bit samples."""
LEAST_WINDOWS = 5
_SHAPE = np.hanning(WINDOW)


class Beep:
    """`hear` takes 8 kHz audio; `ended` is true once a beep has come and is over."""

    def __init__(self) -> None:
        self.sounding = False
        self.ended = False
        self._waiting = b""
        self._bin = 0
        self._windows = 0

    def hear(self, pcm: bytes) -> None:
        self._waiting += pcm
        while len(self._waiting) >= 2 * WINDOW:
            window = np.frombuffer(self._waiting[: 2 * WINDOW], "<i2").astype(np.float64)
            self._waiting = self._waiting[2 * WINDOW :]
            self._look(window)

    def _look(self, window: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        power = np.abs(np.fft.rfft(window * _SHAPE)) ** 2
        strongest = int(power.argmax())
        hertz = strongest * SAMPLE_RATE / WINDOW
        near = float(power[max(strongest - 1, 0) : strongest + 2].sum())
        pure = near >= PURE * float(power.sum()) and LOWEST_HZ <= hertz <= HIGHEST_HZ
        if pure and float(np.sqrt(np.mean(window**2))) >= LOUD:
            same = self._windows and abs(strongest - self._bin) <= 1
            self._windows = self._windows + 1 if same else 1
            self._bin = strongest
        else:
            self.ended = self.ended or self.sounding
            self._windows = 0
        self.sounding = self._windows >= LEAST_WINDOWS
