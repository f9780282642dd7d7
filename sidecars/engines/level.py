"""Measures and sets the loudness of speech: the same for every embedded voice, and from phrase to phrase.

The level is that of active speech, without pauses, after ITU-T P.56, method B: the mean power of what lies within 15.9
dB of it. It is measured over frames of 20 ms where the recommendation uses an envelope.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEVEL_DB = -20.0
"""The target level of active speech, in dB below a full-scale square wave (dBov, ITU-T G.100.1)."""
FRAME_S = 0.02
MARGIN = 10**-1.59
SILENCE = 1e-7
"""The mean power (-70 dB) below which nothing counts as speech."""
CEILING = 0.98

Floats = npt.NDArray[np.float32]


def active_level_db(samples: Floats, rate: int) -> float | None:
    """The level of the active speech in `samples` (-1 to 1, mono, `rate` a second); None if there is none."""
    frame = round(FRAME_S * rate)
    power = np.mean(samples[: samples.size // frame * frame].reshape(-1, frame).astype(np.float64) ** 2, axis=1)
    power = power[power > SILENCE]
    if not power.size:
        return None
    level = float(power.max())
    for _ in range(50):
        within = float(power[power >= level * MARGIN].mean())
        if within == level:
            break
        level = within
    return float(10 * np.log10(level))


def limited(samples: Floats) -> Floats:
    """`samples` without peaks beyond full scale: above three quarters of it, peaks are rounded off."""
    knee, room = 0.75, CEILING - 0.75
    size = np.abs(samples)
    if float(size.max(initial=0)) <= knee:
        return samples
    over = np.maximum(size - knee, 0)
    return (np.sign(samples) * (np.minimum(size, knee) + room * np.tanh(over / room))).astype(np.float32)


def gain(samples: Floats, rate: int) -> np.float32:
    """The gain that brings the active speech in `samples` to `LEVEL_DB`; 1 if there is none."""
    found = active_level_db(samples, rate)
    return np.float32(1.0 if found is None else 10 ** ((LEVEL_DB - found) / 20))


def as_pcm(samples: Floats) -> bytes:
    """Converts `samples` (-1 to 1) to 16-bit PCM, with peaks rounded off."""
    return (limited(samples) * 32767).astype("<i2").tobytes()
