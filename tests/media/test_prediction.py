"""What of a sound does not follow from its last samples."""

from __future__ import annotations

import numpy as np
import pytest

from phone_daemon.events import FRAME_SAMPLES
from phone_daemon.media.prediction import prediction_error

FRAMES = 4


def resonance(pulses: np.ndarray) -> np.ndarray:
    """A formant at 700 Hz that `pulses` excite."""
    sound = np.zeros(pulses.size)
    for at, pulse in enumerate(pulses):
        sound[at] = pulse + 1.66 * sound[at - 1] - 0.94 * sound[at - 2]
    return sound


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_of_a_voice_the_pulses_remain(kind: type[np.float32]) -> None:
    pulses = np.zeros((FRAMES + 1) * FRAME_SAMPLES)
    pulses[::70] = 1000
    left = prediction_error(resonance(pulses).astype(kind))
    assert left.shape == (FRAMES, FRAME_SAMPLES) and left.dtype == kind
    between = np.abs(left.ravel()[pulses[FRAME_SAMPLES:] == 0])
    assert np.quantile(between, 0.9) < 250
    assert np.min(np.abs(left.ravel()[pulses[FRAME_SAMPLES:] > 0])) > 700


def test_frames_are_the_same_one_by_one_and_together() -> None:
    sound = np.random.default_rng(1).normal(0, 500, (FRAMES + 1) * FRAME_SAMPLES).cumsum()
    pairs = [sound[at : at + 2 * FRAME_SAMPLES] for at in range(0, FRAMES * FRAME_SAMPLES, FRAME_SAMPLES)]
    assert np.allclose(prediction_error(sound), np.concatenate([prediction_error(pair) for pair in pairs]))


def test_what_is_softer_than_the_floor_stays_as_it_is() -> None:
    pulses = np.zeros(2 * FRAME_SAMPLES)
    pulses[::70] = 10
    sound = resonance(pulses)
    (left,) = prediction_error(sound, 1e9)
    assert np.allclose(left, sound[FRAME_SAMPLES:], rtol=1e-3, atol=0.1)
