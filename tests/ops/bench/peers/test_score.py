"""The outcome of a scene, judged by what was heard at the far end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ops.bench.peers.line import Recorded
from ops.bench.peers.process import Event
from ops.bench.peers.score import Usual, outcome, reached, usual
from ops.bench.turn_taking.play import REPLY
from ops.bench.turn_taking.scene import Scene

LOUD, SOFT = 2000.0, 200.0
BEGAN = 1000.0
PHRASE, PAUSE = [LOUD] * 200, [0.0] * 20
REPLIED = [*PHRASE, *PAUSE, *PHRASE]
"""The reply when nothing happens: it begins in tick 100."""
USUAL = Usual(20, 400, frozenset(range(len(REPLY.split()))))
HEARD = "We are open from Monday to Friday from eight in the morning"


def recorded(levels: Sequence[float], *, when: str = "reply", wants: str = "stop", over: int = 240) -> Recorded:
    scene = Scene("x_1", "x", "held", when, wants, Path())
    return Recorded(scene, tuple(levels), b"", BEGAN, 60, 100 if when == "reply" else None, 200, over, 0.0, 0.0)


def after(levels: Sequence[float]) -> list[float]:
    """A reply that begins in tick 100, and the silence after it."""
    return [0.0] * 100 + list(levels) + [0.0] * 150


def told(kind: str, tick: float, **about: object) -> Event:
    return Event(kind, BEGAN + tick * 0.02, about)


def test_the_usual_reply_tells_its_pause_its_length_and_what_is_understood_of_it() -> None:
    found = usual(recorded(after(REPLIED)), HEARD)
    assert (found.pause, found.sounding) == (20, 400)
    assert found.words == frozenset(range(12))


def test_without_a_reply_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(ValueError, match="no reply"):
        usual(recorded([0.0] * 50, when="turn"), "")


def test_a_reply_that_breaks_off_was_stopped_where_its_last_sample_left() -> None:
    events = [
        told("trigger", 150),
        told("trigger", 208),
        told("turn", 260, text="Wait."),
        told("history", 300, said=[HEARD]),
    ]
    found = outcome(recorded(after([LOUD] * 110)), events, USUAL, HEARD)
    assert found.stopped
    assert found.silence_s == pytest.approx(0.2)
    assert found.trigger_s == pytest.approx(0.04)
    assert found.ttfa_s == pytest.approx(0.8)
    assert (found.turns, found.history_off, found.words_lost) == (1, 0, None)


def test_a_reply_that_goes_on_to_its_end_was_not_stopped() -> None:
    found = outcome(recorded(after(REPLIED), wants="go on"), [], USUAL, "")
    assert (found.stopped, found.silence_s, found.words_lost, found.history_off) == (False, None, 0, None)


def test_a_softer_reply_and_its_own_pauses_are_no_stop() -> None:
    ducked = [*PHRASE[:100], *([SOFT] * 100), *PAUSE, *PHRASE]
    assert outcome(recorded(after(ducked), wants="go on"), [], USUAL, "").stopped is False


def test_an_agent_that_comes_back_had_stopped_and_loses_what_is_not_heard_again() -> None:
    back = [*([LOUD] * 110), *([0.0] * 100), *([LOUD] * 290)]
    heard = " ".join(REPLY.split()[:12] + REPLY.split()[15:])
    found = outcome(recorded(after(back), wants="go on"), [told("history", 700, said=[REPLY])], USUAL, heard)
    assert found.stopped
    assert found.words_lost == 3


def test_a_stop_in_a_pause_of_the_reply_counts_from_the_onset_at_the_earliest() -> None:
    found = outcome(recorded(after([LOUD] * 95)), [], USUAL, HEARD)
    assert found.silence_s == 0.0
    assert found.trigger_s is None


def test_what_is_held_to_have_been_said_beyond_what_was_heard_is_counted() -> None:
    more = [told("history", 300, said=["How can I help you?", REPLY, "All right."])]
    found = outcome(recorded(after([LOUD] * 110)), more, USUAL, HEARD)
    assert found.history_off == len(REPLY.split()) - 12
    less = [told("history", 300, said=["How can I help you?", "All right."])]
    assert outcome(recorded(after([LOUD] * 110)), less, USUAL, HEARD).history_off == -12


def test_a_lone_word_far_from_the_others_is_no_sign_of_having_come_there() -> None:
    assert reached(HEARD) == 11
    assert reached(HEARD + " bus") == 11
    assert reached("We are open from Monday two Friday") == 6
    assert reached("") == -1


def test_a_turn_that_is_answered_before_it_is_over_was_cut_off() -> None:
    levels = [0.0] * 260 + [LOUD] * 30
    early = outcome(recorded(levels, when="turn", wants="turn"), [told("turn", 220, text="My")], USUAL, "")
    assert (early.cut_off, early.ttfa_s, early.turns) == (True, None, 1)
    right = outcome(recorded(levels, when="turn", wants="turn"), [told("turn", 250, text="My name")], USUAL, "")
    assert right.cut_off is False
    assert right.ttfa_s == pytest.approx(0.4)


def test_a_call_without_a_reply_is_told_as_such() -> None:
    scene = Scene("x_1", "x", "held", "reply", "stop", Path())
    silent = Recorded(scene, (0.0,) * 50, b"", BEGAN, 20, None, 0, 0, 0.0, 0.0)
    assert outcome(silent, [], USUAL, "").failed == "no reply was heard"
