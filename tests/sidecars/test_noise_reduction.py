"""A line's steady noise gets softer, and what a caller says stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fixtures.noises import NOISES
from fixtures.voices import ROOT, read
from sidecars.engines.noise_reduction import with_less_noise
from sidecars.resample import Resampler

Audio = NDArray[np.float32]
LEAD = 8000
"""Samples of the line before the voice."""


def wide(sound: NDArray[np.float64]) -> Audio:
    resampler, pcm = Resampler(8000, 16000), np.round(sound * 32767).astype("<i2").tobytes()
    return np.frombuffer(resampler.feed(pcm) + resampler.flush(), "<i2").astype(np.float32) / np.float32(32768)


@pytest.fixture(scope="module")
def voice() -> NDArray[np.float64]:
    sound, rate = read(ROOT / "fixtures/calls/asks_hours_twice/when.wav")
    assert rate == 8000
    return np.concatenate([np.zeros(LEAD // 2), np.asarray(sound, np.float64)])


def noisy(voice: NDArray[np.float64], noise: str, snr_db: float) -> tuple[Audio, Audio]:
    """The voice, and the noise over it, each as the recognizer gets it."""
    around = NOISES[noise](len(voice), np.random.default_rng(4))
    around *= voice[LEAD // 2 :].std() / around.std() * 10 ** (-snr_db / 20)
    return wide(voice), wide(around)


def level_db(sound: Audio) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound**2)) + 1e-9))


@pytest.mark.parametrize("noise", ["white", "hum"])
def test_noise_gets_softer_and_the_voice_does_not(voice: NDArray[np.float64], noise: str) -> None:
    said, around = noisy(voice, noise, 8)
    made = with_less_noise(said + around)
    assert level_db(made[:LEAD]) < level_db(around[:LEAD]) - 4
    strong = np.abs(said) > 0.5 * np.abs(said).max()
    assert abs(level_db(made[strong]) - level_db((said + around)[strong])) < 1
    assert level_db(made - said) < level_db(around) - 2  # Nearer to what was said than before.


def test_a_clear_line_is_left_as_it_is(voice: NDArray[np.float64]) -> None:
    said, around = noisy(voice, "white", 30)
    assert np.array_equal(with_less_noise(said + around), said + around)


def test_packets_that_did_not_come_do_not_hide_the_noise(voice: NDArray[np.float64]) -> None:
    said, around = noisy(voice, "white", 8)
    heard = np.concatenate([np.zeros(2 * len(said), np.float32), said + around])
    made = with_less_noise(heard)
    assert level_db(made[2 * len(said) :][:LEAD]) < level_db(around[:LEAD]) - 4
    assert not made[: 2 * len(said) - 512].any()


@pytest.mark.parametrize("samples", [0, 1, 100, 511, 512, 513, 5000])
def test_any_length_keeps_its_length(samples: int) -> None:
    made = with_less_noise(np.random.default_rng(1).normal(0, 0.1, samples).astype(np.float32))
    assert made.shape == (samples,) and made.dtype == np.float32 and np.isfinite(made).all()


def test_silence_stays_silence() -> None:
    assert not with_less_noise(np.zeros(16000, np.float32)).any()
