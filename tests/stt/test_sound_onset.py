"""The beginning of a sound on a line, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest

from phone_daemon.stt.near_talker import level_db
from phone_daemon.stt.sound_onset import ABOVE_DB, NEW, QUIETEST_DB, SILENT, SoundOnset
from tests.phone import OPEN, speech

FRAME = 160


def noise(level_db: float, frames: int) -> bytes:
    """White noise of this many dB of full scale."""
    samples = np.random.default_rng(7).normal(0, 32768 * 10 ** (level_db / 20), frames * FRAME)
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def new(pcm: bytes) -> list[int]:
    """The frames in which a sound has just begun, over an agent who speaks all the time."""
    sound, found, agent = SoundOnset(), [], noise(-20, 1)
    for at in range(len(pcm) // 2 // FRAME):
        sound.hear(level_db(pcm[2 * FRAME * at : 2 * FRAME * (at + 1)]), agent)
        if sound.new:
            found.append(at)
    return found


def over(one: bytes, other: bytes) -> bytes:
    """Both at once."""
    summed = np.frombuffer(one, "<i2").astype(int) + np.frombuffer(other, "<i2")
    return bytes(np.clip(summed, -32768, 32767).astype("<i2"))


@pytest.mark.parametrize("line_db", [-80.0, -60.0, -45.0])
def test_a_voice_is_a_sound_in_its_second_frame_above_the_noise(line_db: float) -> None:
    said = speech(OPEN)
    said = bytes(100 * FRAME) + said[: len(said) // (2 * FRAME) * 2 * FRAME]
    levels = [level_db(said[at : at + 2 * FRAME]) for at in range(0, len(said), 2 * FRAME)]
    begins = next(at for at, level in enumerate(levels) if level > max(line_db, QUIETEST_DB) + ABOVE_DB)
    first = new(over(said, noise(line_db, len(said) // (2 * FRAME))))[0]
    assert begins <= first <= begins + 2


def test_a_crackle_is_no_sound() -> None:
    line = noise(-55, 50)
    assert new(line + noise(-20, 1) + line + noise(-20, 1) + line) == []


def test_a_fan_that_starts_is_a_sound_for_an_instant_only() -> None:
    fan = new(noise(-60, 50) + noise(-40, 500))
    assert len(fan) == NEW - 1 and fan[0] == 51


def test_a_line_that_is_silent_between_words_has_no_faint_sounds() -> None:
    assert new(bytes(100 * FRAME) + noise(-62, 20) + bytes(100 * FRAME)) == []


def test_another_sound_is_new_again() -> None:
    line = noise(-60, SILENT + 5)
    found = new(line + noise(-30, 20) + line + noise(-30, 20) + line)
    assert len(found) == 2 * (NEW - 1)


def test_a_line_that_returns_the_agents_voice_has_no_sounds() -> None:
    line, echo = noise(-70, 15), noise(-40, 10)
    assert new(noise(-70, 30) + (echo + line) * 10) == []


def test_what_is_heard_while_the_agent_is_silent_does_not_make_the_line_one_that_returns_its_voice() -> None:
    sound = SoundOnset()
    quiet, caller = noise(-70, 1), noise(-30, 1)
    for heard, agent in ((quiet, caller), (caller, b""), (quiet, b"")):
        for _ in range(SILENT):
            sound.hear(level_db(heard), agent)
    sound.hear(level_db(caller), caller)
    sound.hear(level_db(caller), caller)
    assert sound.new


SPEAKS, WHISPERS = noise(-20, 1), noise(-50, 1)


def new_at(*stretches: tuple[float, int], agent: bytes = SPEAKS) -> list[int]:
    """The frames in which a sound is new, of a line with these levels for these numbers of frames."""
    sound, found = SoundOnset(), []
    for at, level in enumerate(level for level, frames in stretches for _ in range(frames)):
        sound.hear(level, agent)
        if sound.new:
            found.append(at)
    return found


QUIET, LOUD = (-60.0, 45), (-30.0, 20)


def test_the_line_must_have_been_silent_for_as_long_as_an_echo_may_take() -> None:
    assert new_at((-60.0, 40), LOUD) == list(range(41, 48))
    assert new_at((-60.0, 39), LOUD) == []
    assert new_at(QUIET, LOUD, agent=WHISPERS) == []
    assert new_at(QUIET, LOUD, agent=b"") == []


def test_between_its_syllables_a_sound_is_not_over() -> None:
    assert new_at(QUIET, (-30.0, 4), (-60.0, 2), LOUD) == [46, 47, 48, 51, 52, 53, 54]
    # Three soft frames end it; the next came too soon to be anything but an echo.
    assert new_at(QUIET, (-30.0, 4), (-60.0, 3), LOUD) == [46, 47, 48]
    assert new_at(QUIET, (-30.0, 1), (-60.0, 1), LOUD) == []


def test_noise_that_grows_slowly_is_no_sound_and_noise_that_grows_fast_is() -> None:
    slowly, fast = ([(-44.0 + each * frame, 1) for frame in range(250)] for each in (0.04, 0.09))
    assert new_at((-44.0, 45), *slowly) == []
    assert new_at((-44.0, 45), *fast) != []


@pytest.mark.parametrize("noise_db", [-48.0, -54.9])
def test_a_voice_within_a_noise_that_began_with_it_is_a_sound(noise_db: float) -> None:
    line = [(noise_db + 0.5 * (frame % 3), 1) for frame in range(10)]  # At -54.9, every third frame is no louder.
    found = new_at((-63.0, 45), *line, (-33.0, 20))
    assert [at for at in found if at >= 55] == list(range(56, 63))
    # Only steady and soft noise is noise; an echo is neither.
    assert [at for at in new_at((-63.0, 45), *([(-50.0, 2), (-57.0, 2)] * 6), LOUD) if at >= 69] == []


def test_the_quietest_line_has_a_noise_of_its_own() -> None:
    assert new_at((-120.0, 45), (-55.5, 3)) == []
    assert new_at((-120.0, 45), (-54.5, 3)) == [46, 47]
