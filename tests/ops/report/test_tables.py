"""A cancel chain and latencies as people see them, at the widths of a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from ops.report import tables
from phone_daemon.telemetry.turn_record import LEGS
from tests.ops.turns import acknowledged, interrupted, spoken


def drawn(shown: RenderableType, width: int = 80, encoding: str = "utf-8") -> list[str]:
    """Its lines, without colors."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    Console(file=file, width=width, color_system=None).print(shown)
    file.flush()
    return [line.rstrip() for line in raw.getvalue().decode(encoding).splitlines()]


def bar(line: str) -> float:
    """Length of a line's bar in columns."""
    cells = line.rsplit(maxsplit=1)[-1]
    return sum(tables.EIGHTHS.index(cell) / 8 for cell in cells)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_each_leg_has_a_bar_as_long_as_it_took(width: int) -> None:
    rows = drawn(tables.waterfall(interrupted(1, total_ms=60)), width)
    assert max(map(len, rows)) <= width
    found = {row.split()[0]: row for row in rows}
    assert list(found)[3:9] == list(LEGS)
    full = bar(found["listen_entered"])
    for n, leg in enumerate(LEGS):
        assert found[leg].split()[1] == f"{10 * (n + 1)}.0"
        assert bar(found[leg]) == pytest.approx(full * (n + 1) / 6, abs=0.13)
    assert found["total"].split()[1] == "60.0"


def test_several_interruptions_stand_side_by_side_with_a_bar_for_the_slowest() -> None:
    rows = drawn(tables.waterfall(interrupted(1, total_ms=60), interrupted(4, total_ms=30), limit_ms=60))
    assert rows[0].startswith("Interrupted in turn 1 (by speech), 4 (by speech)")
    assert rows[1].split()[:5] == ["leg", "turn", "1", "turn", "4"]
    found = {row.split()[0]: row for row in rows}
    assert found["total"].split()[1:3] == ["60.0", "30.0"]
    assert bar(found["rtp_silent"]) == pytest.approx(bar(found["listen_entered"]) / 6, abs=0.13)
    assert rows[-1].endswith("held")
    assert drawn(tables.waterfall(interrupted(1), interrupted(4, missed="llm_closed"), limit_ms=400))[-1].endswith(
        "NOT HELD"
    )


def test_detection_is_told_apart_from_what_came_after_the_decision() -> None:
    [row] = [row for row in drawn(tables.waterfall(interrupted(1))) if "detection" in row]
    assert row.split()[:3] == ["(detection)", "100.0", "before"]
    assert not any("detection" in row for row in drawn(tables.waterfall(interrupted(1, source="dtmf"))))


def test_a_leg_that_missed_its_deadline_has_no_time_and_holds_no_limit() -> None:
    rows = drawn(tables.waterfall(interrupted(1, missed="llm_closed"), limit_ms=400))
    [row] = [row for row in rows if row.startswith("llm_closed")]
    assert row.split()[1] == "missed"
    assert rows[-1].endswith("limit 400.0 ms: NOT HELD")


def test_a_chain_within_its_limit_is_said_to_hold_it() -> None:
    assert drawn(tables.waterfall(interrupted(1, total_ms=60), limit_ms=60))[-1].endswith("limit 60.0 ms: held")
    assert drawn(tables.waterfall(interrupted(1, total_ms=61), limit_ms=60))[-1].endswith("NOT HELD")


def test_a_leg_that_took_no_time_is_still_seen() -> None:
    turn = interrupted(1, total_ms=60)
    turn["barge_in"]["legs_ms"]["rtp_silent"] = 0.0
    [row] = [row for row in drawn(tables.waterfall(turn)) if row.startswith("rtp_silent")]
    assert row.endswith("▏")


def test_a_terminal_without_blocks_gets_bars_it_can_show() -> None:
    rows = drawn(tables.waterfall(interrupted(1)), encoding="ascii")
    [row] = [row for row in rows if row.startswith("listen_entered")]
    assert row.endswith("####")


def test_a_turn_that_nobody_interrupted_has_no_waterfall() -> None:
    with pytest.raises(ValueError, match="turn 4: nobody"):
        tables.waterfall(spoken(4))


def test_latency_is_told_by_its_parts() -> None:
    rows = [row.split() for row in drawn(tables.latency([spoken(1, 600), spoken(2, 700), interrupted(3)]))]
    assert ["endpoint_wait", "2", *["500.0"] * 5] in rows
    assert ["ttfa", "2", "600.0", *["700.0"] * 4] in rows


def test_a_turn_with_a_filler_is_told_with_both_times() -> None:
    rows = [row.split() for row in drawn(tables.latency([spoken(1, 600), acknowledged(2, 715, 1900)]))]
    assert ["ttfa", "2", "600.0", *["715.0"] * 4] in rows
    assert ["ttfa_reply", "2", "600.0", *["1900.0"] * 4] in rows
    assert "ttfa_reply" not in tables.latency_samples([spoken(1)])


def test_early_starts_are_added_up() -> None:
    turns = [spoken(1), acknowledged(2, 715, 1900), acknowledged(3, 715, 1900)]
    assert tables.early_starts(turns) == {"kept": 2, "dropped": 2, "wasted_tokens": 10}
    assert tables.early_starts([{}]) == {"kept": 0, "dropped": 0, "wasted_tokens": 0}


def test_tools_are_told_by_name() -> None:
    turn = spoken(1)
    turn["tools"] = [
        {"name": name, "outcome": "done", "at": 1.0, "ms": ms} for name, ms in (("b", 5), ("a", 7), ("b", 9))
    ]
    assert tables.tool_samples([turn, {}]) == {"a": [7], "b": [5, 9]}
    rows = [row.split() for row in drawn(tables.tools([turn]))]
    assert rows[2:] == [["a", "1", *["7.0"] * 5], ["b", "2", "5.0", *["9.0"] * 4]]


def test_legs_are_judged_by_p95_against_the_gate() -> None:
    samples = tables.leg_samples([interrupted(n, total_ms=6 * n) for n in range(1, 101)])
    rows = drawn(tables.legs(samples, floor_ms=0.5, limit_ms=570))
    assert ["total", "100", "300.0", "540.0", "570.0", "594.0", "600.0"] in [row.split() for row in rows]
    assert rows[-1] == "gate: p95(total) 570.0 ≤ 570.0 ms (floor 0.50 + 570): held"
    assert drawn(tables.legs(samples, limit_ms=569))[-1].endswith("NOT HELD")
    assert drawn(tables.legs(samples, limit_ms=570, missed=1))[-1].endswith("NOT HELD")


def test_where_nothing_was_measured_no_table_pretends() -> None:
    assert drawn(tables.legs({})) == ["nobody interrupted the agent: no cancel chains to show"]
    assert drawn(tables.latency([])) == ["no turn was completed and answered: no latencies to show"]


def test_in_a_pipe_there_are_no_colors() -> None:
    pipe = io.StringIO()
    tables.console(pipe).print(tables.waterfall(interrupted(1), limit_ms=1))
    assert "NOT HELD" in pipe.getvalue()
    assert "\x1b" not in pipe.getvalue()
