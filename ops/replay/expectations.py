"""What must hold after a call: a fixture's `[expect]` compared with the call's turns and notes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ops.replay.fixture import Expect, Fixture
from phone_daemon.events import EndReason, Note
from phone_daemon.stt.stabilizer import word_key

TurnLine = Mapping[str, Any]
"""A line of `turns.jsonl`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The records of one call."""

    turns: Sequence[TurnLine]
    ended: EndReason
    """The reason given by the daemon."""
    notes: Sequence[Note] = ()
    gave_up: str = ""
    """What the caller waited for in vain."""
    folder: Path = Path()
    """Where the call's files are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one fixture's call."""

    fixture: str
    turns: int
    barge_ins: int
    failures: list[str]
    folder: str
    """Where the call's files are; empty for a call to another daemon."""

    @property
    def passed(self) -> bool:
        return not self.failures


def judged(played: Fixture, outcome: Outcome) -> Verdict:
    """Judges the fixture by the records of its call."""
    failed = failures(played.expect, outcome)
    answered = next((str(note.data["dialplan"]) for note in outcome.notes if note.kind == "started"), "none")
    if answered != played.dialplan:
        failed.insert(0, f"dialplan: {answered} answered, not {played.dialplan}")
    return Verdict(played.name, len(outcome.turns), barge_ins(outcome.turns), failed, str(outcome.folder))


def read_turns(path: Path) -> list[TurnLine]:
    """The lines of a `turns.jsonl`; none if the call wrote none."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def barge_ins(turns: Sequence[TurnLine]) -> int:
    """Replies that were interrupted while audible; a reply dropped before its first sound does not count."""
    return sum(turn["interrupted"] and "rtp_first_audio" in turn["times"] for turn in turns)


def failures(expect: Expect, outcome: Outcome) -> list[str]:
    """Each expectation that failed, in one line that says what happened instead; empty if all hold."""
    return list(_check(expect, outcome))


def _check(expect: Expect, outcome: Outcome) -> Iterator[str]:
    turns = outcome.turns
    if outcome.gave_up:
        yield f"caller: {outcome.gave_up}"
    reached = [turn["intent"] for turn in turns if turn["intent"]]
    if (missing := _first_missing(expect.intents, reached)) is not None:
        yield f"intents: {missing} was not reached in its place; reached: {', '.join(reached) or 'none'}"
    understood: dict[str, str] = {}
    for turn in turns:
        understood |= turn["slots"]
    for slot, value in expect.slots.items():
        if understood.get(slot) != value:
            yield f"slots: {slot} is {understood.get(slot)!r}, not {value!r}"
    said = [turn["caller"] for turn in turns]
    heard = set[str]()
    for keys in ([word_key(word) for word in text.split()] for text in said):
        # "Good bye" is "goodbye".
        heard.update(keys, map("".join, pairwise(keys)))
    for word in expect.transcript_words:
        if word_key(word) not in heard:
            yield f"transcript_words: {word!r} was not heard; heard: {' / '.join(filter(None, said)) or 'nothing'}"
    answers = [turn["agent"].lower() for turn in turns]
    for text in expect.agent_said:
        if not any(text.lower() in answer for answer in answers):
            yield f"agent_said: {text!r} was not said; last said: {answers[-1] if answers else 'nothing'}"
    if expect.barge_ins is not None and (count := barge_ins(turns)) != expect.barge_ins:
        yield f"barge_ins: {count}, not {expect.barge_ins}"
    if expect.ended is not None and outcome.ended is not expect.ended:
        yield f"ended: {outcome.ended}, not {expect.ended}"
    if expect.max_final_gap_s is not None and (gap := longest_gap_s(outcome.notes)) > expect.max_final_gap_s:
        yield f"max_final_gap_s: {gap:.1f} s of speech without a final, more than {expect.max_final_gap_s:g} s"


def _first_missing(wanted: Sequence[str], reached: Sequence[str]) -> str | None:
    """The first of `wanted` that does not follow the others in `reached`."""
    rest = iter(reached)
    return next((intent for intent in wanted if intent not in rest), None)


def longest_gap_s(notes: Sequence[Note]) -> float:
    """Longest time from the first partial of an utterance to its final, or, without a final, to the call's end."""
    longest = 0
    began: int | None = None
    for note in notes:
        if note.kind == "partial" and began is None:
            began = note.at_ns
        if note.kind in {"final", "ended"} and began is not None:
            longest = max(longest, note.at_ns - began)
            began = None
    return longest / 1e9
