"""Pitch at the end of speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from phone_daemon.events import SAMPLE_RATE
from phone_daemon.stt.prosody import pitch_moved


def voice(hertz: list[float], levels: Sequence[float] = (1, 1), *, seconds: float = 1.2) -> bytes:
    """A buzz with harmonics whose pitch and level move evenly through the given points."""
    count = round(seconds * SAMPLE_RATE)
    pitch = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(hertz)), hertz)
    level = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(levels)), levels)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = sum(np.sin(n * phase) / n for n in range(1, 9))
    return (6000 * level * sound).astype("<i2").tobytes()


def test_a_pitch_that_falls_is_below_the_median() -> None:
    assert pitch_moved(voice([200, 200, 200, 150])) < -3


def test_a_pitch_that_rises_is_above_it() -> None:
    assert pitch_moved(voice([150, 150, 150, 210])) > 3


def test_a_level_pitch_is_neither_however_loud_the_end_is() -> None:
    assert abs(pitch_moved(voice([180, 180]))) < 0.5
    assert abs(pitch_moved(voice([180, 180], [1, 1, 1, 0.2]))) < 0.5


def test_silence_after_the_voice_changes_nothing() -> None:
    said = voice([200, 200, 150])
    assert pitch_moved(said + bytes(1600)) == pytest.approx(pitch_moved(said), abs=1.5)


@pytest.mark.parametrize("pcm", [b"", bytes(320), bytes(16000)])
def test_nothing_is_made_of_nothing(pcm: bytes) -> None:
    assert pitch_moved(pcm) == 0.0


def test_noise_has_no_pitch() -> None:
    noise = (3000 * np.random.default_rng(1).standard_normal(9600)).astype("<i2").tobytes()
    assert pitch_moved(noise) == 0.0
