"""The outcome of a scene, from what the caller heard and what the call logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.bench.turn_taking.measure import Outcome, outcome
from ops.bench.turn_taking.play import REPLY, Played
from ops.bench.turn_taking.scene import Scene
from phone_daemon.events import Note

LOUD, SOFT = 2000.0, 250.0
USUAL = [0.0] * 50 + [LOUD] * 600 + [0.0] * 100
ASKED: Mapping[str, Any] = {"turn": 1, "caller": "What are your opening hours?", "heard": REPLY}


def scene(**kwargs: Any) -> Scene:
    told = {"id": "x", "kind": "remark", "half": "tune", "when": "reply", "wants": "go on", "folder": Path()}
    return Scene(**{**told, **kwargs})


def played(
    of: Scene, levels: Sequence[float], turns: Sequence[Mapping[str, Any]] = (ASKED,), notes: Sequence[Note] = ()
) -> Played:
    """The reply begins in tick 50; the sound of the scene lasts from tick 100 to tick 130."""
    return Played(of, tuple(levels), 50, 100, 130, tuple(notes), tuple(turns))


def came_of(levels: Sequence[float], turns: Sequence[Mapping[str, Any]] = (ASKED,), **kwargs: Any) -> Outcome:
    of = scene(**kwargs)
    return outcome(played(of, levels, turns), played(of, USUAL))


def test_a_reply_that_went_on_as_ever_was_neither_softer_nor_cut() -> None:
    found = came_of(USUAL)
    assert (found.stopped, found.duck_s, found.silence_s, found.words_lost) == (False, None, None, 0)
    assert found.right


def test_a_reply_that_fell_silent_was_stopped_and_its_lost_words_are_counted() -> None:
    levels = USUAL[:110] + [0.0] * 640
    half = " ".join(REPLY.split()[:10])
    found = came_of(levels, [{**ASKED, "heard": half}])
    assert (found.stopped, found.silence_s, found.right) == (True, 0.2, False)
    assert found.words_lost == len(REPLY.split()) - 10


def test_a_reply_that_was_ducked_and_came_back_was_not_stopped() -> None:
    levels = USUAL[:105] + [SOFT] * 15 + USUAL[120:]
    found = came_of(levels)
    assert (found.stopped, found.duck_s, found.right) == (False, 0.1, True)
    assert found.resume_s is not None and found.resume_s <= 0


def test_an_agent_who_pauses_at_the_onset_and_goes_on_softly_was_never_loud_over_it() -> None:
    usual = USUAL[:96] + [0.0] * 20 + USUAL[116:]
    soft = usual[:116] + [SOFT] * 20 + usual[136:]
    late = usual[:118] + [SOFT] * 20 + usual[138:]
    of = scene()
    assert [outcome(played(of, each), played(of, usual)).duck_s for each in (soft, late)] == [0.0, 0.36]


def test_silence_that_the_reply_always_has_is_no_stop() -> None:
    usual = USUAL[:110] + [0.0] * 30 + USUAL[140:]
    of = scene()
    assert not outcome(played(of, usual), played(of, usual)).stopped


def test_an_interruption_wants_silence_and_its_time_is_told() -> None:
    found = came_of(USUAL[:108] + [0.0] * 642, kind="interruption", wants="stop")
    assert (found.right, found.silence_s, found.words_lost) == (True, 0.16, None)
    assert not came_of(USUAL, kind="interruption", wants="stop").right


def test_a_remark_that_became_a_turn_is_wrong_though_the_agent_went_on() -> None:
    turn: Mapping[str, Any] = {"turn": 2, "caller": "Okay.", "heard": "All right."}
    assert not came_of(USUAL, [ASKED, turn]).right


def thinking(at_s: float) -> Note:
    return Note("x", "state", round(at_s * 1e9), {"state": "THINKING"})


def test_a_turn_that_was_held_to_be_over_too_early_was_cut_off() -> None:
    of = scene(when="turn", wants="turn", kind="pause")
    silent = [0.0] * 400
    early = outcome(played(of, silent, notes=[thinking(2.2), thinking(2.9)]), None)
    assert (early.cut_off, early.wait_s, early.right) == (True, 0.3, False)
    whole = outcome(played(of, silent, notes=[thinking(3.0)]), None)
    assert (whole.cut_off, whole.wait_s, whole.right) == (False, 0.4, True)


def test_an_agent_who_is_heard_before_the_end_spoke_over_the_caller() -> None:
    of = scene(when="turn", wants="turn", kind="pause")
    assert outcome(played(of, [0.0] * 120 + [LOUD] * 20 + [0.0] * 200), None).spoken_over
    assert not outcome(played(of, [LOUD] * 90 + [0.0] * 50 + [LOUD] * 50), None).spoken_over


def test_music_that_became_a_turn_is_wrong() -> None:
    of = scene(when="turn", wants="nothing", kind="music")
    assert not outcome(played(of, [0.0] * 400, [{**ASKED, "heard": "All right."}]), None).right
    assert outcome(played(of, [0.0] * 400, []), None).right


def test_a_scene_that_could_not_be_played_is_not_right() -> None:
    assert not Outcome("x", "music", "nothing", failed="RuntimeError: no").right
