"""How the words before a pause were said: how far the pitch moved at their end, and how fast they came.

Callers who have finished let their pitch fall, or raise it to ask; those who only think hold it level (Duncan 1972;
Ferrer, Shriberg and Stolcke 2002). Those with more to say speak faster (Quené 2008). The pitch is measured relative to
the same two seconds, so that the voice does not matter; nor does the line's level. The end's loudness, its slope, and
the length of its last syllable were tried as well, and told nothing that these two and the words do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import SAMPLE_RATE

SPAN_S = 2.0
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
NUCLEUS_DB, DIP_DB = -20.0, 2.0
"""A syllable's nucleus is at most this far below the loudest frame, and the level dips by this much between two."""
LONGEST_SYLLABLE_S = 0.5
"""Nuclei further apart have a pause between them."""
USUAL_PACE_S = 0.2
_SMOOTHING = np.hanning(9) / np.hanning(9).sum()


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of what was said. With the defaults, nothing could be measured."""

    pitch: float = 0.0
    """Semitones of the last voiced frames above the median of the span; below 0 if the pitch fell."""
    pace_s: float = USUAL_PACE_S
    """Mean time from one syllable to the next."""


def ending(pcm: bytes) -> Ending:
    """The ending of 8 kHz 16-bit audio that ends where the voice does; only its last `SPAN_S` counts."""
    audio = np.frombuffer(pcm[-2 * round(SPAN_S * SAMPLE_RATE) :], "<i2").astype(np.float64)
    count = (len(audio) - WINDOW) // HOP + 1
    if count < 8:
        return Ending()
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP] * np.hanning(WINDOW)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1.0)
    loud = np.flatnonzero(level > level.max() + SOFTEST_DB)
    end = int(loud[-1]) + 1
    pitch = _pitch(frames[:end])
    semitones = pitch[~np.isnan(pitch)]
    moved = float(np.mean(semitones[-5:]) - np.median(semitones)) if semitones.size >= 5 else 0.0
    return Ending(moved, _pace_s(np.convolve(level[:end], _SMOOTHING, "same")))


def _pace_s(level: NDArray[np.float64]) -> float:
    """`level`: in dB, by frame, smoothed."""
    nuclei: list[int] = []
    for at in range(3, len(level) - 3):
        if level[at] < level.max() + NUCLEUS_DB or level[at] < level[at - 3 : at + 4].max():
            continue
        if nuclei and level[nuclei[-1] : at].min() > min(level[nuclei[-1]], level[at]) - DIP_DB:
            # One syllable with two peaks.
            nuclei[-1] = max(nuclei[-1], at, key=lambda each: level[each])
        else:
            nuclei.append(at)
    gaps = np.diff(nuclei) * HOP / SAMPLE_RATE
    gaps = gaps[gaps < LONGEST_SYLLABLE_S]
    return float(np.mean(gaps)) if gaps.size >= 2 else USUAL_PACE_S


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
