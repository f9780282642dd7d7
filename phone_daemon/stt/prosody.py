"""How the last syllables before a pause were said: callers who have finished let their pitch and loudness fall.

Callers who are only thinking hold the last syllable at a level pitch (Duncan 1972; Ferrer, Shriberg and Stolcke 2002).
The end is measured within the last second of voice and relative to that same second, so that neither the voice nor the
line's level matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import SAMPLE_RATE

SPAN_S = 1.2
"""How much of the audio before a pause is measured."""
HOP = SAMPLE_RATE // 100
WINDOW = 4 * HOP
"""More than two periods of the lowest voice."""
LOWEST_HZ, HIGHEST_HZ = 70.0, 380.0
PERIODIC = 0.5
"""Least normalized autocorrelation of a frame that has a pitch."""
OCTAVE = 0.85
"""A shorter period counts if its likelihood is at least this share of the greatest."""
SOFTEST_DB = -32.0
"""Level relative to the loudest frame; softer frames are not voice."""
LAST_S = 0.15
"""Length of the end, which is compared with what came before it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of what was said. All fields are 0 if there was no voice to measure."""

    pitch: float = 0.0
    """Semitones of the last voiced frames above the median of the span; below 0 if the pitch fell."""
    slope: float = 0.0
    """Semitones per second over the last 300 ms that have a pitch."""
    level_db: float = 0.0
    """Level of the last 150 ms of voice, relative to the median of the span."""
    held_s: float = 0.0
    """Length of the last voiced stretch, which is long for a drawn-out syllable."""


def ending(pcm: bytes) -> Ending:
    """The ending of 8 kHz 16-bit audio that ends where the voice does; only its last `SPAN_S` counts."""
    audio = np.frombuffer(pcm[-2 * round(SPAN_S * SAMPLE_RATE) :], "<i2").astype(np.float64)
    count = (len(audio) - WINDOW) // HOP + 1
    if count < 8:
        return Ending()
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP] * np.hanning(WINDOW)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1.0)
    loud = level > level.max() + SOFTEST_DB
    if not loud.any():
        return Ending()
    end = int(np.flatnonzero(loud)[-1]) + 1
    pitch = _pitch(frames[:end])
    level, voiced = level[:end], ~np.isnan(pitch)
    last = round(LAST_S * SAMPLE_RATE / HOP)
    louder = level[level > level.max() + SOFTEST_DB]
    level_db = float(np.mean(level[-last:]) - np.median(louder))
    if np.count_nonzero(voiced) < 5:
        return Ending(level_db=level_db)
    semitones = pitch[voiced]
    tail = semitones[-30:]
    slope = float(np.polyfit(np.arange(tail.size), tail, 1)[0]) * 100 if tail.size >= 8 else 0.0
    at = np.flatnonzero(voiced)
    breaks = np.flatnonzero(np.diff(at) > 3)
    held = at[-1] - at[breaks[-1] + 1 if breaks.size else 0] + 1
    return Ending(
        float(np.mean(semitones[-5:]) - np.median(semitones)), slope, level_db, float(held) * HOP / SAMPLE_RATE
    )


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
