"""Keys as tones: detected from telephones that are slightly off, weak, or noisy, and never in speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.media.dtmf import COLUMNS, KEYS, ROWS, ToneKeys
from phone_daemon.media.wav import read_wav

FIXTURES = Path(__file__).parents[2] / "fixtures/calls"


def tones(keys: str, ms: int = 80, pause_ms: int = 60, level: float = 4000, off: float = 0.0) -> np.ndarray:
    """`keys` pressed one after the other; `off`: how far the telephone's pitch is off."""
    time = np.arange(SAMPLE_RATE * ms // 1000) / SAMPLE_RATE
    sound = [np.zeros(400)]
    for key in keys:
        row = next(at for at, column in enumerate(KEYS) if key in column)
        pair = ROWS[row], COLUMNS[KEYS[row].index(key)]
        low, high = (np.sin(2 * np.pi * hertz * (1 + off) * time) for hertz in pair)
        sound.append(level * (low + high))
        sound.append(np.zeros(SAMPLE_RATE * pause_ms // 1000))
    return np.concatenate([*sound, np.zeros(400)])


def heard(sound: np.ndarray) -> str:
    keys = ToneKeys()
    pcm = sound.clip(-32768, 32767).astype("<i2").tobytes()
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]
    return "".join(keys.hear(frame) for frame in frames)


ALL = "1234567890*#ABCD"


@pytest.mark.parametrize("shift", [0, 37, 80, 121])
@pytest.mark.parametrize(("ms", "pause_ms"), [(40, 40), (80, 60), (300, 100)])
def test_every_key_is_heard_once_wherever_it_falls_into_the_frames(shift: int, ms: int, pause_ms: int) -> None:
    assert heard(np.concatenate([np.zeros(shift), tones(ALL, ms, pause_ms)])) == ALL


def test_a_key_that_is_pressed_twice_is_two_and_one_that_is_held_is_one() -> None:
    assert heard(tones("1122")) == "1122"
    assert heard(tones("5", ms=2000)) == "5"


@pytest.mark.parametrize("off", [-0.01, 0.01])
def test_a_telephone_may_be_a_little_off(off: float) -> None:
    assert heard(tones(ALL, off=off)) == ALL


def test_weak_keys_are_heard_on_a_noisy_line() -> None:
    sound = tones(ALL, level=400)
    noise = np.random.default_rng(1).normal(0, 40, len(sound))
    assert heard(sound + noise) == ALL


@pytest.mark.parametrize("what", ["one tone", "dial tone", "noise", "a key that is too short", "one tone far stronger"])
def test_what_is_no_key_is_none(what: str) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = (3000 * np.sin(2 * np.pi * hertz * time) for hertz in (697, 1209))
    sounds = {
        "one tone": low,
        "dial tone": 3000 * (np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time)),
        "noise": np.random.default_rng(2).normal(0, 3000, SAMPLE_RATE),
        "a key that is too short": tones("1", ms=18),
        "one tone far stronger": low + high / 10,
    }
    assert heard(sounds[what]) == ""


def test_no_recorded_caller_says_a_key() -> None:
    """Talk-off: minutes of men's and women's speech, some hurried, some in noise."""
    seconds = 0.0
    for path in sorted(FIXTURES.glob("*/*.wav")):
        samples = np.frombuffer(read_wav(path), "<i2")
        seconds += len(samples) / SAMPLE_RATE
        assert heard(samples) == "", path
    assert seconds > 200
