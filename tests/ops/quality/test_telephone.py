"""What a telephone line does to a sound."""

from __future__ import annotations

import numpy as np
import pytest

from ops.quality.telephone import Sound, heard_over, to_pcm
from phone_daemon.media import g711


def tone(hertz: float, rate: int) -> Sound:
    return np.asarray(0.5 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate))


def level(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.square(np.frombuffer(pcm, "<i2")[1000:-1000] / 32768))))


@pytest.mark.parametrize(("hertz", "passes"), [(100, False), (1000, True), (3000, True), (3800, False), (6000, False)])
def test_it_carries_the_band_of_a_telephone_and_no_more(hertz: float, passes: bool) -> None:
    carried = level(heard_over(tone(hertz, 16000), 16000))
    assert carried == pytest.approx(0.5 / np.sqrt(2), rel=0.05) if passes else carried < 0.02


def test_what_has_been_over_one_is_only_coded_again() -> None:
    sound = tone(100, 8000)
    assert heard_over(sound, 8000) == g711.through(to_pcm(sound))


def test_what_is_too_loud_is_clipped() -> None:
    assert np.frombuffer(to_pcm(np.array([2.0, -2.0])), "<i2").tolist() == [32767, -32768]
