"""Measuring sounds of known level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sidecars.engines.level import CEILING, LEVEL_DB, active_level_db, as_pcm, gain, limited

RATE = 8000


def tone(seconds: float, db: float) -> NDArray[np.float32]:
    at = np.arange(round(seconds * RATE))
    sine: NDArray[np.float64] = np.sqrt(2) * 10 ** (db / 20) * np.sin(2 * np.pi * 400 * at / RATE)
    return sine.astype(np.float32)


def test_the_level_is_that_of_the_speech_and_not_of_its_pauses() -> None:
    pause = np.zeros(2 * RATE, np.float32)
    faint = tone(1, -60)
    speech = tone(1, -26)
    assert active_level_db(speech, RATE) == pytest.approx(-26, abs=0.1)
    assert active_level_db(np.concatenate([pause, speech, faint, speech, pause]), RATE) == pytest.approx(-26, abs=0.1)


@pytest.mark.parametrize("nothing", [np.zeros(0, np.float32), np.zeros(RATE, np.float32), np.zeros(10, np.float32)])
def test_silence_has_no_level_and_stays_what_it_is(nothing: np.ndarray) -> None:
    assert active_level_db(nothing, RATE) is None
    assert gain(nothing, RATE) == 1


@pytest.mark.parametrize("db", [-45, -20, -6])
def test_the_gain_brings_speech_to_the_level(db: float) -> None:
    made = np.frombuffer(as_pcm(gain(tone(1, db), RATE) * tone(1, db)), "<i2").astype(np.float32) / np.float32(32768)
    assert active_level_db(made, RATE) == pytest.approx(LEVEL_DB, abs=0.1)


def test_peaks_are_rounded_off_and_the_rest_is_left_alone() -> None:
    sound = np.linspace(-3, 3, 1001).astype(np.float32)
    made = limited(sound)
    assert np.abs(made).max() <= CEILING
    assert (np.diff(made) >= 0).all()
    quiet = np.abs(sound) < 0.75
    assert np.allclose(made[quiet], sound[quiet])
