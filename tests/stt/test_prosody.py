"""Pitch and level at the end of speech."""

from __future__ import annotations

import numpy as np
import pytest

from phone_daemon.events import SAMPLE_RATE
from phone_daemon.stt.prosody import Ending, ending


def voice(hertz: list[float], levels: list[float], *, seconds: float = 1.2) -> bytes:
    """A buzz with harmonics whose pitch and level move evenly through the given points."""
    count = round(seconds * SAMPLE_RATE)
    pitch = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(hertz)), hertz)
    level = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(levels)), levels)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = sum(np.sin(n * phase) / n for n in range(1, 9))
    return (6000 * level * sound).astype("<i2").tobytes()


def test_a_pitch_that_falls_at_the_end_is_below_the_median_and_has_a_slope_down() -> None:
    found = ending(voice([200, 200, 200, 150], [1, 1]))
    assert found.pitch < -3
    assert found.slope < -5


def test_a_pitch_that_rises_is_above_it() -> None:
    found = ending(voice([150, 150, 150, 210], [1, 1]))
    assert found.pitch > 3
    assert found.slope > 5


def test_a_level_pitch_has_neither() -> None:
    found = ending(voice([180, 180], [1, 1]))
    assert abs(found.pitch) < 0.5
    assert abs(found.slope) < 2
    assert abs(found.level_db) < 1


def test_a_voice_that_dies_away_is_softer_at_its_end_whatever_the_lines_level() -> None:
    loud = ending(voice([180, 180], [1, 1, 1, 0.2]))
    soft = ending(voice([180, 180], [0.1, 0.1, 0.1, 0.02]))
    assert loud.level_db < -6
    assert soft.level_db == pytest.approx(loud.level_db, abs=1.5)


def test_a_syllable_that_is_held_is_longer_than_one_between_two_gaps() -> None:
    gaps = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    assert ending(voice([180, 180], [1, 1])).held_s > 3 * ending(voice([180, 180], gaps)).held_s


def test_silence_after_the_voice_changes_nothing() -> None:
    said = voice([200, 200, 150], [1, 1])
    assert ending(said + bytes(1600)).pitch == pytest.approx(ending(said).pitch, abs=1.5)


@pytest.mark.parametrize("pcm", [b"", bytes(320), bytes(16000)])
def test_nothing_is_made_of_nothing(pcm: bytes) -> None:
    assert ending(pcm) in (Ending(), Ending(level_db=0.0))


def test_noise_has_no_pitch() -> None:
    noise = (3000 * np.random.default_rng(1).standard_normal(9600)).astype("<i2").tobytes()
    found = ending(noise)
    assert (found.pitch, found.held_s) == (0.0, 0.0)
