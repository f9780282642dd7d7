"""The pitch at the end of speech, and its pace."""

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


def test_a_pitch_that_rises_is_above_it() -> None:
    found = ending(voice([150, 150, 150, 210], [1, 1]))
    assert found.pitch > 3


def test_a_level_pitch_does_neither() -> None:
    assert abs(ending(voice([180, 180], [1, 1])).pitch) < 0.5


@pytest.mark.parametrize("scale", [1.0, 0.1])
@pytest.mark.parametrize("pace_s", [0.15, 0.2, 0.3])
def test_the_pace_is_the_time_from_one_syllable_to_the_next_whatever_the_lines_level(
    pace_s: float, scale: float
) -> None:
    syllables = round(1.8 / pace_s)
    said = voice([180, 180], [0.1, *[scale, 0.1 * scale] * syllables], seconds=pace_s * syllables)
    assert ending(said).pace_s == pytest.approx(pace_s, rel=0.08)


def test_a_pause_between_words_is_no_syllable() -> None:
    word = voice([180, 180], [0.1, *[1, 0.1] * 4], seconds=0.8)
    assert ending(word + bytes(2 * 4800) + word).pace_s == pytest.approx(0.2, rel=0.1)


def test_silence_after_the_voice_changes_nothing() -> None:
    said = voice([200, 200, 150], [1, 1])
    assert ending(said + bytes(1600)).pitch == pytest.approx(ending(said).pitch, abs=1.5)


@pytest.mark.parametrize("pcm", [b"", bytes(320), bytes(16000)])
def test_nothing_is_made_of_nothing(pcm: bytes) -> None:
    assert ending(pcm) == Ending()


def test_noise_has_no_pitch() -> None:
    noise = (3000 * np.random.default_rng(1).standard_normal(9600)).astype("<i2").tobytes()
    assert ending(noise).pitch == 0.0
