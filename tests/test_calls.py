"""Recorded callers phone the daemon on the sample clock: whole calls, read as transcripts.

Each line is a speaker and what they say. A caller's line shows the recognized intent, because the exact words may vary
with the recognizer. An agent's line is cut at its first full stop, and ends in `--` where the caller interrupted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ops.replay import fixture
from ops.replay.expectations import Outcome, failures
from phone_daemon.events import samples
from tests.replayed import replayed

MOST_S = 32
"""Seconds that a caller speaks at a time."""
QUICK = ("books_an_appointment", "hangs_up_mid_sentence", "interrupts_three_times")
"""The calls that `make test` plays; the others are `long`."""
NAMES = [
    pytest.param(folder.name, marks=() if folder.name in QUICK else pytest.mark.long) for folder in fixture.every()
]


class Calls(dict[str, Outcome]):
    """Every recorded call, played once, when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __missing__(self, name: str) -> Outcome:
        self[name] = replayed(shortened(fixture.load(fixture.find(name))), self._directory)
        return self[name]


def shortened(call: fixture.Fixture) -> fixture.Fixture:
    """Whoever talks for a minute talks for half of it: that is long enough to be written down in several pieces."""
    return replace(call, cues=tuple(replace(cue, pcm=cue.pcm[: 2 * samples(MOST_S)]) for cue in call.cues))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return Calls(tmp_path_factory.mktemp("calls"))


def transcript(call: Outcome) -> list[str]:
    lines = []
    for turn in call.turns:
        if turn["caller"]:
            lines.append(f"caller: {turn['caller'] if turn['dtmf'] else turn['intent'] or '...'}")
        if turn["heard"]:
            said = turn["heard"].partition(". ")[0].rstrip(".")
            lines.append(f"agent:  {said}{' --' if turn['interrupted'] else ''}")
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_call_goes_as_its_fixture_expects(name: str, calls: Calls) -> None:
    assert failures(fixture.load(fixture.find(name)).expect, calls[name]) == []


@pytest.mark.long
def test_on_a_speakerphone_the_agent_stops_for_the_caller_and_never_for_itself(calls: Calls) -> None:
    call = calls["calls_on_a_speakerphone"]
    assert [turn["turn"] for turn in call.turns if turn["interrupted"]] == [1]
    assert [turn["echo"] is not None for turn in call.turns] == [True] + [False] * (len(call.turns) - 1)
    assert len([turn for turn in call.turns if turn["caller"]]) == 6  # what the caller said, and nothing else


def test_an_appointment_is_booked_one_answer_at_a_time(calls: Calls) -> None:
    assert transcript(calls["books_an_appointment"]) == [
        "agent:  Welcome to Riverside Dental",
        "caller: book",
        "agent:  Which day would suit you?",
        "caller: book",
        "agent:  And at what time?",
        "caller: book",
        "agent:  On Tuesday at ten thirty, is that right?",
        "caller: book",
        "agent:  You are booked on Tuesday at ten thirty",
        "caller: goodbye",
        "agent:  Thank you for calling Riverside Dental",
    ]


def test_an_agent_that_is_interrupted_three_times_still_gets_things_done(calls: Calls) -> None:
    assert transcript(calls["interrupts_three_times"]) == [
        "agent:  Welcome to Riverside Dental --",
        "caller: hours",
        "agent:  We are open from half past eight until half past --",
        "caller: cancel",
        "agent:  Which day is your --",
        "caller: cancel",
        "agent:  Your appointment on Monday: shall I cancel it?",
        "caller: cancel",
        "agent:  Your appointment on Monday is cancelled",
        "caller: goodbye",
        "agent:  Thank you for calling Riverside Dental",
    ]


def test_what_was_not_said_yet_is_never_heard(calls: Calls) -> None:
    cut = [turn for turn in calls["interrupts_three_times"].turns if turn["interrupted"]]
    assert len(cut) == 3
    for turn in cut:
        assert turn["agent"].startswith(turn["heard"])
        assert len(turn["heard"]) < len(turn["agent"])


@pytest.mark.long
def test_silence_follows_the_decision_to_yield_at_the_next_tick(calls: Calls) -> None:
    legs = [
        turn["barge_in"]["legs_ms"]["rtp_silent"]
        for name in ("interrupts_the_greeting", "interrupts_three_times", "interrupts_on_the_first_word")
        for turn in calls[name].turns
        if turn["interrupted"]
    ]
    assert legs == [20.0] * 5


@pytest.mark.long
def test_keys_alone_are_enough_to_track_a_parcel(calls: Calls) -> None:
    assert transcript(calls["presses_keys_only"]) == [
        "agent:  Thank you for calling Northern Parcels --",
        "caller: 1",
        "agent:  Please say or key in your eight digit tracking number",
        "caller: 20417735",
        "agent:  Tracking number two zero four one, seven seven three five",
        "caller: 1",
        "agent:  Parcel two zero four one, seven seven three five has left our depot",
    ]


@pytest.mark.long
def test_a_silent_caller_is_asked_twice_and_then_let_go(calls: Calls) -> None:
    assert transcript(calls["says_nothing"]) == [
        "agent:  Welcome to Riverside Dental",
        "agent:  Are you still there?",
        "agent:  I did not hear anything",
        "agent:  Thank you for calling Riverside Dental",
    ]


@pytest.mark.long
def test_a_day_that_is_corrected_is_the_day_that_counts(calls: Calls) -> None:
    assert transcript(calls["corrects_a_cancellation"])[3:9] == [
        "caller: cancel",
        "agent:  Your appointment on Thursday: shall I cancel it?",
        "caller: cancel",
        "agent:  Shall I cancel your appointment on Friday?",
        "caller: cancel",
        "agent:  Your appointment on Friday is cancelled",
    ]


def test_what_was_said_before_a_caller_was_cut_off_is_the_last_turn(calls: Calls) -> None:
    assert transcript(calls["hangs_up_mid_sentence"]) == ["agent:  Welcome to Riverside Dental", "caller: ..."]


@pytest.mark.long
def test_speech_without_a_pause_is_one_turn_made_final_in_pieces(calls: Calls) -> None:
    call = calls["talks_for_a_minute"]
    talk = max(call.turns, key=lambda turn: len(turn["caller"]))
    finals = [str(note.data["text"]) for note in call.notes if note.kind == "final"]
    pieces = [text for text in finals if text in talk["caller"]]
    assert len(pieces) >= MOST_S / 15
    assert talk["caller"] == " ".join(pieces)


@pytest.mark.long
def test_two_runs_of_a_call_leave_the_same_behind_but_for_the_wall_clock(calls: Calls, tmp_path: Path) -> None:
    name = "interrupts_three_times"
    first, second = calls[name], replayed(fixture.load(fixture.find(name)), tmp_path)
    assert (first.folder / "call.wav").read_bytes() == (second.folder / "call.wav").read_bytes()
    lines = [
        [{**turn, "wall": None} for turn in map(json.loads, (call.folder / "turns.jsonl").read_text().splitlines())]
        for call in (first, second)
    ]
    assert lines[0] == lines[1]
