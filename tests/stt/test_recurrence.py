"""A recording is recognized when it comes round again; people who repeat themselves are not taken for one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import soxr

from phone_daemon.stt.recurrence import LAGS, Recurrence
from tests.phone import speech

ANNOUNCEMENT = "your call is important to us please hold the line"


def hears(line: Recurrence, audio: np.ndarray, *, noticed: int = 5, silent: int = 40, early: int = 0) -> bool:
    """The line is silent, then `audio` comes; its onset is noticed `noticed` frames later, and is believed to have been
    `early` frames earlier than it was.
    """
    told = list(heard(line, audio, noticed, silent, early))
    return told[-1]


def heard(line: Recurrence, audio: np.ndarray, noticed: int = 5, silent: int = 40, early: int = 0) -> Iterator[bool]:
    """What is known after each frame."""
    frames = np.concatenate([np.zeros(160 * silent), audio[: len(audio) // 160 * 160]]).astype("<i2").reshape(-1, 160)
    for number, frame in enumerate(frames):
        line.hear(frame.tobytes())
        if number == silent + noticed - 1:
            line.begin(noticed + early)
        yield line.recurs


def voice(text: str = ANNOUNCEMENT) -> np.ndarray:
    return np.trim_zeros(np.frombuffer(speech(text), "<i2").astype(float))


def test_the_third_time_a_recording_is_known_wherever_its_frames_begin_and_whatever_the_noise() -> None:
    line, said, rng = Recurrence(), voice(), np.random.default_rng(1)
    assert not hears(line, said)
    assert not hears(line, np.concatenate([np.zeros(37), said]), noticed=8)
    noisy = said + rng.normal(size=len(said)) * np.std(said) * 0.05
    assert hears(line, np.concatenate([np.zeros(1111), noisy]))


def test_it_is_known_two_seconds_after_the_onset_and_until_the_next_voice() -> None:
    line, said = Recurrence(), voice()
    for _ in range(2):
        assert not any(heard(line, said))
    assert list(heard(line, said)).index(True) == 40 + 2 * 50 - 1
    assert next(heard(line, said))
    assert not hears(line, voice("yes"))


def test_a_recording_that_was_under_way_when_the_call_began_is_known_when_it_returns() -> None:
    line, said = Recurrence(), voice()
    assert not hears(line, said, silent=0)
    assert not hears(line, said, early=8)
    assert hears(line, said, early=8)


def test_another_voice_is_none_even_after_one() -> None:
    line, said = Recurrence(), voice()
    for _ in range(3):
        hears(line, said)
    assert line.recurs
    assert not hears(line, voice("i would like to book an appointment please"))


def test_who_says_the_same_again_a_little_faster_or_slower_is_a_person() -> None:
    line, said = Recurrence(), voice()
    for rate in (8000, 8200, 7800, 8350, 7650):
        assert not hears(line, soxr.resample(said, rate, 8000))


@pytest.mark.parametrize("text", ["yes", "are you open on saturday"])
def test_a_short_sentence_is_never_taken_for_a_recording(text: str) -> None:
    line, said = Recurrence(), voice(text)
    for _ in range(4):
        assert not hears(line, said)


def test_a_voice_that_was_long_a_murmur_is_compared_like_any_other() -> None:
    line, said = Recurrence(), voice(f"{ANNOUNCEMENT} and do not hang up")
    for _ in range(2):
        assert not hears(line, said, noticed=80)
    assert hears(line, said, noticed=80)


def test_a_voice_at_the_very_beginning_of_a_call_and_one_that_breaks_off_do_no_harm() -> None:
    line = Recurrence()
    line.hear(bytes(320))
    line.begin(LAGS)
    for _ in range(20):
        line.hear(bytes(320))
    line.begin(3)
    assert not line.recurs
