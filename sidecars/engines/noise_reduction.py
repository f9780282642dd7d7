"""Makes a line's steady noise softer, because the recognizer understands clean speech best.

Spectral subtraction (Berouti, Schwartz, Makhoul: "Enhancement of speech corrupted by acoustic noise", 1979): what a
frequency has in the quietest fifth of an utterance is taken for noise, and subtracted everywhere. A share of it stays,
because the rest would ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME, STEP = 512, 256
"""Samples: 32 ms at 16 kHz, every 16 ms."""
QUIET = 0.2
"""The share of an utterance in which a frequency is no louder than noise."""
OVER = 1.8
"""How much of what is there at the end of that share is subtracted: noise is louder at other times."""
LEAST_GAIN = 0.25
"""What noise is multiplied by, as an amplitude. At 0.12 and at 0.35 a few more words are lost."""
CLEAR_DB = 16.0
"""From this ratio of the whole sound to its noise on, nothing is subtracted: weak consonants would be, and with them
words. Of 154 noisy sentences for tuning, 14.0 % of the words come out wrong instead of 15.6 %; of another 100, at 20 to
40 dB, 0.8 % more of the words would without this limit."""
SILENCE = 1e-9
"""Mean square below which a frame is not the line's sound: it stands for packets that did not come."""
_WINDOW = np.hanning(FRAME + 1)[:FRAME].astype(np.float32)
"""Two of them, one step apart, add up to 1."""


def with_less_noise(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """`audio` [samples] at 16 kHz, full scale 1.0, with its steady noise, if there is much, reduced by up to 12 dB."""
    around = np.zeros(FRAME, np.float32)
    padded = np.concatenate([around, audio, around, around])
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP] * _WINDOW
    spectra = np.fft.rfft(frames)
    powers = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    powers[1:-1] = (powers[:-2] + powers[1:-1] + powers[2:]) / 3
    sounding = powers[np.square(frames).mean(1) > SILENCE]
    if not len(sounding):
        return audio
    quiet = int(QUIET * len(sounding))
    noise = np.partition(np.ascontiguousarray(sounding.T), quiet, axis=1)[:, quiet]
    if sounding.sum(1).mean() >= 10 ** (CLEAR_DB / 10) * noise.sum():
        return audio
    gains = np.sqrt(np.clip(1 - OVER * noise / np.maximum(powers, 1e-12), LEAST_GAIN**2, 1))
    made = np.fft.irfft(spectra * gains, FRAME).astype(np.float32)
    sound = np.zeros((len(made) + 1) * STEP, np.float32)
    for first in (0, 1):
        part = made[first::2].ravel()
        sound[first * STEP : first * STEP + len(part)] += part
    return sound[FRAME : FRAME + len(audio)]
