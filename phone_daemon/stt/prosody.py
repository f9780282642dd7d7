"""Measures how far the pitch moved before a pause: callers who have finished let it fall, or raise it to ask.

Callers who are only thinking hold it level (Duncan 1972; Ferrer, Shriberg and Stolcke 2002). The end is measured
relative to the last second of voice, so that the voice does not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import SAMPLE_RATE

SPAN_S = 1.2
"""How much of the audio before a pause is measured."""
HOP = SAMPLE_RATE // 100
WINDOW = 4 * HOP
"""The frame length, which is more than two periods of the lowest voice."""
LOWEST_HZ, HIGHEST_HZ = 70.0, 380.0
PERIODIC = 0.5
"""Least normalized autocorrelation of a frame that has a pitch."""
OCTAVE = 0.85
"""A shorter period is chosen if its likelihood is at least this share of the greatest."""
SOFTEST_DB = -32.0
"""Level relative to the loudest frame; softer frames are not voice."""
LEAST = 5
"""The least number of frames with a pitch; the same number counts as the end."""


def pitch_moved(pcm: bytes) -> float:
    """Semitones of the last voiced frames above the median; below 0 if the pitch fell, and 0 without voice to measure.

    `pcm`: 8 kHz 16-bit audio that ends where the voice does; only its last `SPAN_S` counts.
    """
    audio = np.frombuffer(pcm[-2 * round(SPAN_S * SAMPLE_RATE) :], "<i2").astype(np.float64)
    count = (len(audio) - WINDOW) // HOP + 1
    if count < 8:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP] * np.hanning(WINDOW)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1.0)
    end = int(np.flatnonzero(level > level.max() + SOFTEST_DB)[-1]) + 1
    pitch = _pitch(frames[:end])
    semitones = pitch[~np.isnan(pitch)]
    return float(np.mean(semitones[-LEAST:]) - np.median(semitones)) if semitones.size >= LEAST else 0.0


def _pitch(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Semitones above 100 Hz by frame; NaN where there is no pitch. Autocorrelation, normalized by the window's own."""
    shortest, longest = round(SAMPLE_RATE / HIGHEST_HZ), round(SAMPLE_RATE / LOWEST_HZ)
    size = 2 * WINDOW
    spectrum = np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)[:, : longest + 1]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(WINDOW), size)) ** 2, size)[: longest + 1]
    likeness = correlation / (correlation[:, :1] + 1e-9) / (window / window[0])
    span = likeness[:, shortest:]
    most = span.max(axis=1)
    # Twice the period fits as well as the period does, and sometimes slightly better.
    near = span >= OCTAVE * most[:, None]
    peak = np.ones_like(near)
    peak[:, 1:-1] = (span[:, 1:-1] >= span[:, :-2]) & (span[:, 1:-1] >= span[:, 2:])
    best = np.argmax(near & peak, axis=1)
    semitones = 12 * np.log2(SAMPLE_RATE / (best + shortest) / 100.0)
    periodic = most >= PERIODIC
    return np.where(periodic, semitones, np.nan)
