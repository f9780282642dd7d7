"""Fax machines are recognized by their tones, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.media.fax import FaxTones
from phone_daemon.media.wav import read_wav

FIXTURES = Path(__file__).parents[2] / "fixtures/calls"
RANDOM = np.random.default_rng(7)


def tone(hertz: float, seconds: float, level: float = 3000) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE))


def calling(times: int, hertz: float = 1100, on_s: float = 0.5, off_s: float = 3.0, level: float = 3000) -> np.ndarray:
    return np.concatenate([silence(0.71), *(times * [tone(hertz, on_s, level), silence(off_s)])])


def answering(seconds: float = 3.0) -> np.ndarray:
    """With the reversals of phase, twice a second, by which echo cancellers are switched off (V.25)."""
    turned = np.where(np.arange(round(seconds * SAMPLE_RATE)) // 3600 % 2, -1, 1)
    return np.concatenate([silence(0.5), turned * tone(2100, seconds), silence(0.1)])


def flags(seconds: float = 1.0, level: float = 3000) -> np.ndarray:
    """HDLC's flags at 300 bit/s."""
    bits = np.array([0, 1, 1, 1, 1, 1, 1, 0])[(np.arange(round(seconds * SAMPLE_RATE)) * 300 // SAMPLE_RATE) % 8]
    return level * np.sin(2 * np.pi * np.cumsum(np.where(bits, 1650, 1850)) / SAMPLE_RATE)


def heard(sound: np.ndarray) -> list[str]:
    fax = FaxTones()
    pcm = sound.clip(-32768, 32767).astype("<i2").tobytes()
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]
    return [found for frame in frames if (found := fax.hear(frame))]


FAXES = {
    "calls": (calling(2), "CNG"),
    "calls, at the limits of its tolerance": (calling(2, 1138, 0.425, 2.6), "CNG"),
    "calls, at the other limits": (calling(2, 1062, 0.575, 3.4), "CNG"),
    "calls, weakly": (calling(2, level=150), "CNG"),
    "calls, over noise": (calling(2) + 300 * RANDOM.standard_normal(calling(2).size), "CNG"),
    "answers": (answering(), "CED"),
    "begins to send": (np.concatenate([silence(1.01), flags()]), "V.21"),
}


@pytest.mark.parametrize("fax", FAXES)
def test_a_fax_machine_is_recognized(fax: str) -> None:
    sound, what = FAXES[fax]
    assert heard(sound)[0] == what


def test_one_of_its_calls_may_be_covered_by_the_agent_s_voice() -> None:
    sound = calling(3)
    second = slice(round(4.2 * SAMPLE_RATE), round(4.8 * SAMPLE_RATE))
    sound[second] += tone(440, 0.6, 6000)
    assert heard(sound) == ["CNG"]


OTHERS = {
    "a single beep": calling(1),
    "beeps that come sooner": calling(6, off_s=1.0),
    "a beep of another pitch": calling(4, 1000),
    "longer beeps": calling(4, on_s=1.0),
    "a ringing tone": np.concatenate(4 * [tone(425, 1.0), silence(4.0)]),
    "a busy tone": np.concatenate(20 * [tone(480, 0.5) + tone(620, 0.5), silence(0.5)]),
    "a whistle": tone(1750, 3.0),
    "a lower whistle": tone(1680, 3.0),
    "a higher whistle": tone(1830, 3.0),
    "a short whistle at the answering pitch": tone(2100, 1.0),
    "noise": 3000 * RANDOM.standard_normal(10 * SAMPLE_RATE),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_only_resembles_one_is_none(other: str) -> None:
    assert heard(OTHERS[other]) == []


def test_no_recorded_caller_is_one() -> None:
    for file in sorted(FIXTURES.glob("*/*.wav")):
        assert heard(np.frombuffer(read_wav(file), "<i2")) == [], file
