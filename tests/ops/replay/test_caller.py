"""When a recorded caller acts, depending on what it hears."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from ops.replay.caller import PATIENCE_S, PAUSE_S, YIELD_S, RecordedCaller
from ops.replay.fixture import Anchor, Cue, Expect, Fixture
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, PTIME_S
from phone_daemon.wire.tape import DIGIT_S, Act, HangUp, Press, Say

VOICE = (3000 * np.sin(np.arange(FRAME_SAMPLES) / 3)).astype("<i2").tobytes()
SILENCE = bytes(FRAME_BYTES)
ONE_SECOND = bytes(50 * FRAME_BYTES)


def caller(*cues: Cue) -> RecordedCaller:
    return RecordedCaller(Fixture("test", "100", "any", "a test", cues, Expect()))


def say(anchor: Anchor, delay_s: float = 0.0, seconds: float = 1.0) -> Cue:
    return Cue(anchor, delay_s, pcm=bytes(round(seconds / PTIME_S) * FRAME_BYTES))


def hear(who: RecordedCaller, *agent: tuple[bytes, float]) -> list[tuple[float, Act]]:
    """Plays (frame, seconds) pieces to the caller; returns what it does, and after how many seconds of them."""
    did: list[tuple[float, Act]] = []
    heard = 0
    for frame, seconds in agent:
        for _ in range(round(seconds / PTIME_S)):
            heard += 1
            did += [(round(heard * PTIME_S, 3), act) for act in who.hear(frame)]
    return did


def moments(did: Iterable[tuple[float, Act]]) -> list[float]:
    return [at for at, _ in did]


def test_a_bare_time_counts_from_the_answer() -> None:
    assert hear(caller(say(Anchor.ANSWERED, 2.0)), (SILENCE, 3)) == [(2.0, Say(ONE_SECOND))]


def test_an_interruption_comes_its_delay_after_the_agent_s_first_voiced_frame() -> None:
    assert moments(hear(caller(say(Anchor.AGENT_SPEAKING, 0.8)), (SILENCE, 1), (VOICE, 3))) == [1.8]


def test_an_answer_waits_for_the_agent_s_pause_and_its_own_delay() -> None:
    did = hear(caller(say(Anchor.AGENT_FINISHED, 0.4)), (VOICE, 2), (SILENCE, 2))
    assert moments(did) == [round(2 + PAUSE_S + 0.4, 3)]


def test_gaps_between_sentences_are_not_the_end_of_the_agent_s_turn() -> None:
    did = hear(caller(say(Anchor.AGENT_FINISHED)), (VOICE, 1), (SILENCE, PAUSE_S - 0.02), (VOICE, 1), (SILENCE, 1))
    assert moments(did) == [round(2 + PAUSE_S - 0.02 + PAUSE_S, 3)]


def test_an_agent_that_was_interrupted_has_not_answered_by_falling_silent() -> None:
    who = caller(say(Anchor.AGENT_SPEAKING, 0.5, seconds=0.2), say(Anchor.AGENT_FINISHED))
    # Interrupted at 0.5 s until 0.7 s, silent at 0.9 s, answers from 2.9 s to 3.9 s.
    did = hear(who, (VOICE, 0.7 + YIELD_S - 0.1), (SILENCE, 2), (VOICE, 1), (SILENCE, 1))
    assert moments(did) == [0.5, round(3.9 + PAUSE_S, 3)]


def test_an_agent_that_talks_on_over_a_noise_has_answered_when_it_is_done() -> None:
    who = caller(say(Anchor.AGENT_SPEAKING, 0.5, seconds=0.2), say(Anchor.AGENT_FINISHED))
    assert moments(hear(who, (VOICE, 3), (SILENCE, 1))) == [0.5, 3 + PAUSE_S]


def test_a_second_interruption_waits_for_the_next_time_the_agent_begins() -> None:
    who = caller(say(Anchor.AGENT_SPEAKING, 0.5, seconds=1), say(Anchor.AGENT_SPEAKING, 0.1))
    assert moments(hear(who, (VOICE, 0.8), (SILENCE, 2), (VOICE, 2))) == [0.5, round(2.8 + 0.1, 3)]


def test_nothing_new_is_begun_while_the_caller_still_speaks() -> None:
    who = caller(say(Anchor.ANSWERED, 1.0, seconds=2), say(Anchor.ANSWERED, 1.5), say(Anchor.SAID, 0.2))
    assert moments(hear(who, (SILENCE, 6))) == [1.0, 3.0, 4.2]


def test_keys_take_their_time_before_the_next_cue() -> None:
    who = caller(Cue(Anchor.ANSWERED, 1.0, press="12#"), Cue(Anchor.SAID, 0.0, hang_up=True))
    assert hear(who, (SILENCE, 3)) == [(1.0, Press("12#")), (round(1 + 3 * DIGIT_S, 3), HangUp())]
    assert who.progress == 1.0


def test_a_caller_whose_moment_never_comes_hangs_up_and_says_what_it_waited_for() -> None:
    who = caller(say(Anchor.ANSWERED, 0.5), say(Anchor.AGENT_FINISHED, 0.4))
    assert hear(who, (SILENCE, 1.5 + PATIENCE_S - 0.02)) == [(0.5, Say(ONE_SECOND))]
    assert who.gave_up == ""
    assert who.hear(SILENCE) == [HangUp()]
    assert who.hear(SILENCE) == []
    assert who.gave_up == "cue[2] waited 60 s in vain for agent_finished + 0.4 s"
    assert who.progress == 0.5


def test_a_caller_with_nothing_left_to_say_does_not_wait_for_ever_for_the_agent_to_hang_up() -> None:
    who = caller(say(Anchor.ANSWERED, 0.5))
    assert moments(hear(who, (SILENCE, PATIENCE_S + 5))) == [0.5, 1.5 + PATIENCE_S]
    assert who.gave_up == "the call was not over 60 s after the last cue"


@pytest.mark.parametrize("level", [0, 8])
def test_the_noise_of_a_silent_line_is_not_the_agent_s_voice(level: int) -> None:
    noise = np.full(FRAME_SAMPLES, level, "<i2").tobytes()
    assert not hear(caller(say(Anchor.AGENT_SPEAKING)), (noise, 5))
