"""What a telephone line does to a sound: 8 kHz, 300 to 3400 Hz, µ-law."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import soxr

from phone_daemon.events import SAMPLE_RATE
from phone_daemon.media import g711

Sound = npt.NDArray[np.float64]
"""Samples, full scale 1.0."""


@functools.cache
def _band() -> Sound:
    """A windowed-sinc band pass, 300 to 3400 Hz, linear phase."""
    taps = np.arange(-128, 129)
    low, high = 300 / SAMPLE_RATE, 3400 / SAMPLE_RATE
    ideal = 2 * high * np.sinc(2 * high * taps) - 2 * low * np.sinc(2 * low * taps)
    return np.asarray(ideal * np.hamming(taps.size))


def band(sound: Sound) -> Sound:
    """Resamples a sound to 8 kHz and removes everything outside a telephone's band."""
    return np.convolve(sound, _band(), mode="same") if sound.size else sound


def to_pcm(sound: Sound) -> bytes:
    """16-bit samples; clips what is too loud."""
    return np.clip(np.round(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def heard_over(sound: Sound, rate: int) -> bytes:
    """A sound of any rate in Hz as it arrives at the other end: 8 kHz PCM.

    A sound that is already at 8 kHz has been over a telephone, and only goes through µ-law.
    """
    narrow = sound if rate == SAMPLE_RATE else band(np.asarray(soxr.resample(sound, rate, SAMPLE_RATE)))
    return g711.through(to_pcm(narrow))
