"""The length of the silence at the end."""

from __future__ import annotations

import numpy as np
import pytest

from sidecars.engines.trailing_silence import FRAME, TrailingSilence


def sound(frames: int, rms: float) -> bytes:
    """`rms`: dB of full scale."""
    signs = np.where(np.arange(frames * FRAME) % 8 < 4, 1, -1)
    return (signs * 32768 * 10 ** (rms / 20)).round().astype("<i2").tobytes()


def silent(*pcms: bytes, at_once: int = 10**9) -> int:
    """Samples."""
    silence = TrailingSilence()
    pcm = b"".join(pcms)
    for begin in range(0, len(pcm), at_once):
        silence.feed(pcm[begin : begin + at_once])
    return silence.samples


VOICE = sound(10, -20)


@pytest.mark.parametrize("level", [-55.0, -70.0, -200.0])
def test_after_a_voice_what_is_much_lower_is_silence(level: float) -> None:
    assert silent(VOICE, sound(9, level)) == 9 * FRAME


def test_it_ends_with_the_next_sound() -> None:
    assert silent(VOICE, sound(9, -70), sound(1, -35)) == 0
    assert silent(VOICE, sound(9, -70), sound(1, -35), sound(2, -70)) == 2 * FRAME


def test_a_noisy_line_is_never_silent() -> None:
    assert silent(VOICE, sound(9, -45)) == 0


def test_who_speaks_softly_after_a_loud_tone_is_not_silent() -> None:
    assert silent(sound(10, -6), sound(9, -42)) == 0


def test_the_quiet_end_of_a_soft_word_is_not_silence() -> None:
    assert silent(sound(10, -42), sound(9, -60)) == 0


def test_before_anybody_has_spoken_there_is_none() -> None:
    assert silent() == 0
    assert silent(bytes(2 * 9 * FRAME)) == 0


@pytest.mark.parametrize("at_once", [2, 160, 642, 5000])
def test_how_the_audio_is_cut_makes_no_difference(at_once: int) -> None:
    pcm = VOICE + sound(9, -70) + bytes(100)
    assert silent(pcm, at_once=at_once) == silent(pcm) == 9 * FRAME + 50
