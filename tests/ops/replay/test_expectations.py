"""What is reported if a call does not go as its fixture expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops.replay.expectations import Outcome, failures, read_turns
from ops.replay.fixture import Expect
from phone_daemon.events import EndReason, Note


def turn(**told: Any) -> dict[str, Any]:
    return {"caller": "", "agent": "", "intent": "", "slots": {}, "interrupted": False, "times": {}, **told}


CALL = Outcome(
    turns=[
        turn(agent="Bright Smile, hello.", interrupted=True, times={"rtp_first_audio": 0.02}),
        turn(caller="When are you open?", intent="hours", agent="From eight to five."),
        turn(caller="An appointment on Monday.", intent="book", slots={"day": "monday"}, agent="Very well."),
        turn(caller="no on friday", intent="book", slots={"day": "friday"}, agent="Goodbye."),
    ],
    ended=EndReason.AGENT_HUNG_UP,
)


def test_a_call_that_went_as_expected_has_no_failures() -> None:
    expect = Expect(
        intents=("hours", "book"),
        slots={"day": "friday"},
        transcript_words=("open", "MONDAY"),
        agent_said=("from eight", "goodbye"),
        barge_ins=1,
        ended=EndReason.AGENT_HUNG_UP,
    )
    assert failures(expect, CALL) == []


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        (Expect(intents=("book", "hours")), "intents: hours was not reached in its place; reached: hours, book, book"),
        (Expect(intents=("book", "book", "book")), "intents: book was not reached in its place"),
        (Expect(slots={"day": "monday"}), "slots: day is 'friday', not 'monday'"),
        (Expect(slots={"time": "ten"}), "slots: time is None, not 'ten'"),
        (Expect(transcript_words=("pen",)), "transcript_words: 'pen' was not heard"),
        (Expect(agent_said=("good evening",)), "agent_said: 'good evening' was not said"),
        (Expect(barge_ins=0), "barge_ins: 1, not 0"),
        (Expect(ended=EndReason.CALLER_HUNG_UP), "ended: agent_hung_up, not caller_hung_up"),
    ],
)
def test_what_does_not_hold_is_told_with_what_was_there_instead(expect: Expect, told: str) -> None:
    (line,) = failures(expect, CALL)
    assert line.startswith(told)


def test_a_call_that_left_nothing_fails_what_it_should_have_left(tmp_path: Path) -> None:
    nothing = Outcome(read_turns(tmp_path / "turns.jsonl"), EndReason.FAILED)
    assert len(failures(Expect(intents=("hours",), transcript_words=("open",), barge_ins=0), nothing)) == 2


def test_a_reply_that_was_dropped_before_its_first_sound_was_not_interrupted() -> None:
    dropped = Outcome([turn(agent="Never heard.", interrupted=True)], EndReason.AGENT_HUNG_UP)
    assert failures(Expect(barge_ins=0), dropped) == []


def finals(*told: tuple[str, float]) -> Outcome:
    return Outcome([], EndReason.CALLER_HUNG_UP, [Note("1", kind, round(at * 1e9)) for kind, at in told])


def test_speech_is_made_final_often_enough() -> None:
    talk = finals(("partial", 1), ("partial", 9), ("final", 15), ("partial", 16), ("final", 30), ("ended", 31))
    assert failures(Expect(max_final_gap_s=15), talk) == []
    assert failures(Expect(max_final_gap_s=13.5), talk) == [
        "max_final_gap_s: 14.0 s of speech without a final, more than 13.5 s"
    ]


def test_speech_that_was_never_made_final_counts_to_the_end_of_the_call() -> None:
    assert failures(Expect(max_final_gap_s=15), finals(("partial", 1), ("ended", 40))) != []
