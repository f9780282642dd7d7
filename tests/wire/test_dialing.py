"""What a refusal means, which numbers may be called, and which calls have been made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phone_daemon.settings.trunks import TrunkSettings
from phone_daemon.wire.dialing import Ledger, Result, Spent, is_allowed, over_limit, result_of


@pytest.mark.parametrize(
    ("code", "rang", "result"),
    [
        (486, True, Result.BUSY),
        (600, False, Result.BUSY),
        (480, False, Result.NO_ANSWER),
        (408, True, Result.NO_ANSWER),
        (408, False, Result.FAILED),
        (603, True, Result.REJECTED),
        (404, False, Result.REJECTED),
        (403, True, Result.REJECTED),
        (403, False, Result.FAILED),
        (503, False, Result.FAILED),
        (0, False, Result.FAILED),
    ],
)
def test_a_final_response_has_a_meaning(code: int, rang: bool, result: Result) -> None:
    assert result_of(code, rang=rang) is result


@pytest.mark.parametrize(
    ("number", "patterns", "allowed"),
    [
        ("+442079460100", ("+442079460100",), True),
        ("+442079460101", ("+442079460100",), False),
        ("+442079460101", ("+441*", "+4420*"), True),
        ("+8835100012345", ("+4420*",), False),
        ("442079460100", ("+4420*",), False),
        ("601", ("6*",), True),
        ("+1", ("*",), True),
        ("+442079460100", (), False),
    ],
)
def test_a_trunk_calls_what_it_is_allowed_to(number: str, patterns: tuple[str, ...], allowed: bool) -> None:
    assert is_allowed(number, patterns) is allowed


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_ledger_counts_an_hour_and_a_day_over_restarts(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "var" / "outbound.jsonl"
    Ledger(path, clock).begin("a", "1")
    clock.now += 120
    Ledger(path, clock).end("a", "1", 100.0)
    Ledger(path, clock).begin("a", "2")
    Ledger(path, clock).begin("b", "3")
    clock.now += 60
    # The second is still live.
    assert Ledger(path, clock).spent("a") == Spent(2, 160.0)
    clock.now += 3600
    assert Ledger(path, clock).spent("a").calls == 0
    clock.now += 24 * 3600
    assert Ledger(path, clock).spent("a") == Spent(0, 0.0)


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_clock_that_is_set_costs_a_live_call_nothing(tmp_path: Path, step: int) -> None:
    wall, ticks = Clock(), Clock()
    ledger = Ledger(tmp_path / "outbound.jsonl", wall, ticks)
    ledger.begin("a", "1")
    ticks.now += 30
    wall.now += 30 + step
    assert ledger.spent("a").seconds == 30
    # After a restart only the wall clock is left.
    assert Ledger(tmp_path / "outbound.jsonl", wall).spent("a").seconds >= 0
    ledger.end("a", "1", 25.0)
    assert ledger.spent("a").seconds == 25


def test_the_ledger_holds_no_number_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "outbound.jsonl"
    Ledger(path).begin("a", "1")
    assert set(json.loads(path.read_text())) == {"at", "trunk", "call"}
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_and_half_a_line_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbound.jsonl"
    path.write_text('{"at": 1, "tru\n[1]\n')
    clock = Clock()
    ledger = Ledger(path, clock)
    ledger.begin("a", "1")
    assert ledger.spent("a").calls == 1
    nowhere = tmp_path / "file"
    nowhere.touch()
    lost = Ledger(nowhere / "outbound.jsonl", clock)
    lost.begin("a", "1")
    assert lost.spent("a").calls == 1


def test_the_ledger_forgets_what_is_older_than_a_day_before_it_grows_large(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "outbound.jsonl"
    old = json.dumps({"at": clock.now - 100_000, "trunk": "a", "call": "x"})
    path.write_text(f"{old}\n" * 20_001)
    ledger = Ledger(path, clock)
    ledger.begin("a", "1")
    assert ledger.spent("a").calls == 1
    assert len(path.read_text().splitlines()) == 1


def test_a_limit_is_told_with_the_key_that_sets_it() -> None:
    trunk = TrunkSettings(name="a", per_hour=2, minutes_a_day=3)
    assert over_limit(trunk, Spent(1, 179.0)) == ""
    assert over_limit(trunk, Spent(2, 0.0)) == 'trunk "a" has made 2 calls in the last hour (per_hour = 2)'
    assert over_limit(trunk, Spent(0, 180.0)).endswith("for 3 minutes in the last day (minutes_a_day = 3)")
