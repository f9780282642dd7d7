"""When another place takes over from the sidecar, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ops.ab.rule import LEGS, SIDECAR, Measured, judge

FLOOR_MS = 5.0


def measured(total: float = 200.0, leg: float = 10.0) -> Measured:
    """A place with 100 barge-ins that took `total` ms each."""
    legs = {each: [leg] * 100 for each in LEGS if each != "total"}
    return Measured(
        legs_ms={**legs, "total": [total] * 100},
        by_voice=7,
        missed=0,
        stale_frames=0,
        partial_ms=[30.0] * 50,
        partial_streams=4,
        streams=16,
        startup_s=20.0,
        memory_mb=1000.0,
        vram_mb=None,
        words_lost=3,
        words=200,
    )


SLOW = measured(total=200.0)
FAST = measured(total=100.0)


def test_a_place_that_wins_100_ms_and_is_no_worse_replaces_the_sidecar() -> None:
    outcome = judge({SIDECAR: SLOW, "inprocess": FAST}, FLOOR_MS)
    assert outcome.chosen == "inprocess"
    assert outcome.gate_held
    assert "inprocess replaces the sidecar" in outcome.sentence()


def test_99_ms_are_not_enough() -> None:
    outcome = judge({SIDECAR: SLOW, "inprocess": measured(total=100.5)}, FLOOR_MS)
    assert outcome.chosen == SIDECAR
    assert "inprocess wins most, 99.5 ms" in outcome.sentence()


def test_a_tie_changes_nothing() -> None:
    outcome = judge({SIDECAR: FAST, "subprocess": FAST, "inprocess": FAST}, FLOOR_MS)
    assert outcome.chosen == SIDECAR
    assert outcome.gate_held


@pytest.mark.parametrize(
    ("worse", "told"),
    [
        ({"memory_mb": 1060.0}, "memory 1060 instead of 1000 MB"),
        ({"vram_mb": 900.0}, "GPU memory 900 instead of 800 MB"),
        ({"words_lost": 6}, "words lost 6 instead of 3"),
        ({"streams": 11}, "streams in real time 11 instead of 16"),
        ({"startup_s": 21.5}, "start-up 21.5 instead of 20 s"),
        ({"partial_ms": [45.0] * 50}, "chunk to partial p95 45 instead of 30 ms"),
        ({"partial_ms": []}, "chunk to partial p95 ∞ instead of 30 ms"),
        ({"missed": 1}, "missed legs 1 instead of 0"),
        ({"stale_frames": 1}, "stale frames 1 instead of 0"),
        ({"legs_ms": {**FAST.legs_ms, "stt_closed": [20.0] * 100}}, "stt_closed p95 20 instead of 10 ms"),
    ],
)
def test_one_that_wins_but_is_worse_elsewhere_does_not_replace_it(worse: dict[str, Any], told: str) -> None:
    sidecar = replace(SLOW, vram_mb=800.0)
    outcome = judge({SIDECAR: sidecar, "inprocess": replace(FAST, **worse)}, FLOOR_MS)
    assert outcome.chosen == SIDECAR
    assert outcome.against["inprocess"] == [told]
    assert "inprocess wins 100 ms at p95(total), but is worse otherwise" in outcome.sentence()


@pytest.mark.parametrize(
    "within",
    [
        {"memory_mb": 1050.0},
        {"words_lost": 5},
        {"streams": 12},
        {"startup_s": 21.0},
        {"partial_ms": [40.0] * 50},
        {"vram_mb": 5000.0},
        {"legs_ms": {**FAST.legs_ms, "stt_closed": [15.0] * 100}},
    ],
)
def test_what_two_runs_differ_by_is_not_worse(within: dict[str, Any]) -> None:
    """GPU memory cannot be compared if the sidecar's is not known."""
    assert judge({SIDECAR: SLOW, "inprocess": replace(FAST, **within)}, FLOOR_MS).chosen == "inprocess"


def test_of_two_that_replace_it_the_faster_does() -> None:
    places = {SIDECAR: measured(total=300.0), "subprocess": FAST, "inprocess": measured(total=90.0)}
    assert judge(places, FLOOR_MS).chosen == "inprocess"


def test_the_gate_is_the_chosen_place_s() -> None:
    held = judge({SIDECAR: measured(total=500.0), "inprocess": measured(total=400.0)}, FLOOR_MS)
    assert (held.chosen, held.gate_held) == ("inprocess", True)
    broken = judge({SIDECAR: measured(total=405.1), "inprocess": measured(total=400.0)}, FLOOR_MS)
    assert (broken.chosen, broken.gate_held) == (SIDECAR, False)
    assert "DOES NOT HOLD" in broken.sentence()


def test_a_missed_leg_holds_no_gate() -> None:
    outcome = judge({SIDECAR: replace(FAST, missed=1)}, FLOOR_MS)
    assert not outcome.gate_held
    assert "1 legs missed" in outcome.sentence()


def test_p95_counts_and_not_the_median() -> None:
    """Six slow ones in a hundred determine the 95th percentile."""
    tail = measured()
    tail = replace(tail, legs_ms={**tail.legs_ms, "total": [20.0] * 94 + [500.0] * 6})
    assert not judge({SIDECAR: tail}, FLOOR_MS).gate_held


def test_a_place_without_a_barge_in_wins_nothing() -> None:
    nothing = replace(FAST, legs_ms={leg: [] for leg in LEGS})
    assert judge({SIDECAR: SLOW, "inprocess": nothing}, FLOOR_MS).chosen == SIDECAR
    assert not judge({SIDECAR: nothing}, FLOOR_MS).gate_held


def test_without_the_sidecar_nothing_is_decided() -> None:
    outcome = judge({"inprocess": FAST}, FLOOR_MS)
    assert not outcome.chosen
    assert not outcome.gate_held
    assert "Nothing is decided" in outcome.sentence()
