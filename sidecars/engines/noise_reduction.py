"""Reduces a line's steady noise, because the recognizer understands clean speech best.

Uses spectral subtraction (Berouti, Schwartz, Makhoul: "Enhancement of speech corrupted by acoustic noise", 1979). At
each frequency, the power in the quietest fifth of an utterance is taken for noise and subtracted everywhere. A share of
the noise is kept, because the result would otherwise ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME, STEP = 512, 256
"""Samples per frame and per step: 32 ms and 16 ms at 16 kHz."""
QUIET = 0.2
"""The share of an utterance in which a frequency is assumed to contain only noise."""
OVER = 1.8
"""The factor on that noise when it is subtracted, because noise is louder at other times."""
LEAST_GAIN = 0.25
"""The factor to which noise is reduced, as an amplitude. With 0.12 or 0.35, a few more words are lost."""
CLEAR_DB = 16.0
"""From this ratio of the whole sound to its noise on, nothing is subtracted, because weak consonants would be lost, and
words with them. In 154 noisy sentences for tuning, noise reduction lowers word errors from 15.6 % to 14.0 %. In another
100, at 20 to 40 dB, errors would rise by 0.8 points without this limit."""
SILENCE = 1e-9
"""The mean square below which a frame is not the line's sound, but stands for missing packets."""
_WINDOW = np.hanning(FRAME + 1)[:FRAME].astype(np.float32)
"""The window: two of them, one step apart, add up to 1."""


def with_less_noise(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns `audio` [samples], at 16 kHz, full scale 1.0, with its steady noise reduced by up to 12 dB if there is
    much."""
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
