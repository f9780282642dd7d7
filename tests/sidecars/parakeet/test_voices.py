"""Synthetic callers, and what a telephone line does to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sidecars.parakeet import voices
from sidecars.parakeet.voices import Line, Sound, Speaking, send

RATE = 22_050
QUIET = Line(lead_s=0.5, tail_s=0.25, snr_db=float("inf"), companded=False)


def tone(hz: float, seconds: float = 1.0, rate: int = RATE) -> Sound:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def power(sound: Sound, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(sound.size, 1 / voices.MODEL_RATE)
    return float(spectrum[(hz >= low) & (hz < high)].sum())


def test_it_tells_where_speech_begins_and_lasts_as_long_as_it_should() -> None:
    heard, onset = send(tone(1000), RATE, QUIET, random())
    assert onset == 0.5
    assert heard.size == pytest.approx(1.75 * voices.MODEL_RATE, abs=4)
    first = int(np.flatnonzero(np.abs(heard) > 0.01)[0])
    assert first == pytest.approx(0.5 * voices.MODEL_RATE, abs=300)


def test_the_same_random_numbers_give_the_same_sound() -> None:
    line = Line(snr_db=10, lost=0.05)
    one, same, other = (send(tone(800), RATE, line, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_level_and_noise_are_what_was_asked_for() -> None:
    heard, _ = send(tone(1000), RATE, replace(QUIET, level_db=-30, snr_db=20), random())
    speech, silence = heard[9_600:22_400], heard[800:7_000]
    assert 20 * np.log10(np.std(speech)) == pytest.approx(-30, abs=0.5)
    assert 20 * np.log10(np.std(silence)) == pytest.approx(-50, abs=1)


def test_a_telephone_lets_through_its_band_only_and_a_wide_line_more() -> None:
    sound = tone(100) + tone(1000) + tone(6000)
    narrow, _ = send(sound, RATE, QUIET, random())
    wide, _ = send(sound, RATE, replace(QUIET, wide=True, band_hz=None), random())
    assert power(narrow, 4200, 8000) < 1e-4 * power(narrow, 900, 1100)
    assert power(narrow, 50, 150) < 0.01 * power(narrow, 900, 1100)
    assert power(wide, 5900, 6100) > 0.5 * power(wide, 900, 1100)


def test_speed_changes_length_and_pitch() -> None:
    heard, _ = send(tone(1000), RATE, replace(QUIET, speed=1.1), random())
    assert heard.size == pytest.approx((0.75 + 1 / 1.1) * voices.MODEL_RATE, abs=4)
    assert power(heard, 1080, 1120) > 0.5 * power(heard, 300, 3400)


def test_companding_is_coarse_for_loud_samples_and_fine_for_quiet_ones() -> None:
    sound = np.linspace(-1, 1, 20_001, dtype=np.float32)
    error = np.abs(voices.compand(sound) - sound)
    assert error.max() < 0.03
    assert error[np.abs(sound) < 0.01].max() < 0.001
    assert len(np.unique(voices.compand(sound))) <= 255


@pytest.mark.parametrize("concealed", [True, False])
def test_lost_packets_are_silent_or_filled_with_what_came_before(concealed: bool) -> None:
    sound = np.ones(160 * 2_000, np.float32)
    packets = voices.lose(sound, 0.05, concealed, random()).reshape(-1, 160)
    gone = packets[packets[:, 0] < 1]
    assert len(gone) / len(packets) == pytest.approx(0.05, abs=0.015)
    assert bool((gone == 0).all()) is not concealed


def test_coloured_noise_falls_with_frequency() -> None:
    white, brown = (voices.coloured(32_000, colour, random()) for colour in (0.0, 2.0))
    assert np.std(white) == pytest.approx(1, abs=0.01)
    assert power(white, 4000, 8000) > 0.8 * power(white, 0, 4000)
    assert power(brown, 4000, 8000) < 0.1 * power(brown, 0, 4000)


def test_held_out_voices_are_never_drawn() -> None:
    drawn = [voices.draw_speaking(np.random.default_rng(seed)).voice for seed in range(3_000)]
    _, _, variant = voices.HELD_OUT_ESPEAK.partition("+")
    assert voices.HELD_OUT_FLITE not in drawn
    assert not [voice for voice in drawn if voice.endswith(f"+{variant}")]
    assert set(voices.FLITE) < set(drawn)
    assert len(set(drawn)) > 300


@pytest.mark.skipif(bool(voices.missing()), reason="needs espeak-ng and flite")
@pytest.mark.parametrize("voice", [voices.HELD_OUT_ESPEAK, voices.HELD_OUT_FLITE, voices.ESPEAK[0], *voices.FLITE])
def test_a_voice_speaks_faster_when_asked(voice: str) -> None:
    slow, rate = voices.speak(Speaking(voice, 0.8), "when are you open on saturday")
    fast, _ = voices.speak(Speaking(voice, 1.2), "when are you open on saturday")
    assert rate in (16_000, 22_050)
    assert 1.2 < slow.size / fast.size < 1.8
    assert np.std(slow) > 0.02


@pytest.mark.skipif(bool(voices.missing()), reason="needs espeak-ng and flite")
def test_every_espeak_voice_is_installed_and_differs() -> None:
    spoken = {variant: voices.speak(Speaking(f"espeak en-us+{variant}"), "hello")[0] for variant in voices.VARIANTS}
    assert len({sound.tobytes() for sound in spoken.values()}) == len(voices.VARIANTS)
