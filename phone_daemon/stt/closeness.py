"""How close to the telephone somebody speaks, however loud: a room smears a voice's pulses.

At each pulse of a near voice the prediction error of its speech has a peak, and a room's reflections fill what lies
between the peaks. So the kurtosis of that error is higher for a near voice (Yegnanarayana and Murthy 2000 tell
reverberant speech by it). A voice's own habits and the line's noise change it, too; therefore a voice is only compared
with the caller's on the same line. On the tuning scenes, voices at the telephone and across a room overlap in level,
and are told apart by this with an area under the curve of 0.98 after half a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from phone_daemon.media.prediction import prediction_error

LOUD = 0.03
"""Frames softer than this share of the loudest are pauses, in which the line's noise prevails."""


def closeness(frames: Sequence[bytes]) -> float:
    """The logarithm of the mean kurtosis of the prediction error, over the loud frames among `frames` of 20 ms: about
    1.1 for a voice across a room, 1.4 to 2.4 for one at the telephone. There must be two frames at least.
    """
    errors = prediction_error(np.frombuffer(b"".join(frames), "<i2").astype(np.float64))
    powers = np.mean(errors**2, axis=1) + 1e-9
    kurtoses = np.mean(errors**4, axis=1) / powers**2
    return math.log(max(1.0, float(np.mean(kurtoses[powers >= LOUD * powers.max()]))))
