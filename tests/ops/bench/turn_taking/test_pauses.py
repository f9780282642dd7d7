"""Any wait can be tried on the pauses of a turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ops.bench.turn_taking.curve import point
from ops.bench.turn_taking.pauses import LONGEST_S, Heard, waited
from ops.bench.turn_taking.scene import Scene
from phone_daemon.stt.endpointing import Endpoint, Evidence

SCENE = Scene("x", "pause", "tune", "turn", "turn", Path())


def heard(*lengths_s: float) -> Heard:
    """A turn with pauses of these lengths, a second of speech before each; after the last the caller has finished."""
    pauses: list[tuple[int, float, Evidence]] = []
    tick = over_at = 0
    for length_s in lengths_s:
        tick += 50
        over_at = tick
        for each in range(1, round(length_s / 0.02) + 1):
            pauses.append((tick + each, each * 0.02, Evidence(f"{tick}", "")))
        tick += round(length_s / 0.02)
    return Heard(SCENE, over_at, tuple(pauses))


def fixed(wait_s: float) -> Endpoint:
    return Endpoint(wait_s, "fixed")


def test_a_pause_that_is_longer_than_the_wait_cuts_the_turn_off() -> None:
    found = waited(heard(0.6, 2.0), lambda evidence: fixed(0.5))
    assert found.cut_off
    assert abs(found.wait_s - 0.5) < 0.03


def test_a_shorter_one_does_not() -> None:
    assert not waited(heard(0.4, 2.0), lambda evidence: fixed(0.5)).cut_off


def test_a_wait_that_is_never_over_is_as_long_as_it_was_listened_for() -> None:
    assert waited(heard(2.0), lambda evidence: fixed(9.0)).wait_s == LONGEST_S


def test_a_wait_may_change_while_the_silence_lasts() -> None:
    asked: list[Evidence] = []

    def shorter(evidence: Evidence) -> Endpoint:
        asked.append(evidence)
        return fixed(2.0 if len(asked) < 20 else 0.2)

    assert abs(waited(heard(2.0), shorter).wait_s - 0.4) < 0.03


def test_a_way_comes_to_a_share_a_mean_and_a_percentile() -> None:
    turns: Sequence[Heard] = [heard(0.6, 2.0), heard(2.0), heard(0.3, 2.0), heard(2.0)]
    found = point("fixed", [waited(each, lambda evidence: fixed(0.5)) for each in turns])
    assert (found.cut_off, found.turns) == (0.25, 4)
    assert abs(found.mean_s - 0.5) < 0.03
