"""The numbers behind the picture; people judge how it looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.report import plot
from ops.usage import WrongUse
from tests.ops.turns import acknowledged, interrupted, spoken


def test_stages_that_overlap_are_drawn_overlapping() -> None:
    found = {bar.lane.name: bar for bar in plot.bars([acknowledged(1, 715, 1900)])}
    assert list(found) == [lane.name for lane in plot.LANES if lane.name != "tools"]
    assert (found["caller speaks"].start, found["caller speaks"].end) == (-1000, 0)
    model, voice, playout = found["language model"], found["voice"], found["playout"]
    assert (model.start, model.first, model.end) == (100, 900, 2000)
    assert (voice.start, voice.first, voice.end) == (1400, 1500, 2500)
    assert model.start < found["is the turn over?"].end, "it was asked before the turn was over"
    assert voice.first < model.end < playout.end
    assert found["acknowledgment"].end == 1900


def test_tools_are_drawn_from_the_first_to_the_last() -> None:
    turn = acknowledged(1, 715, 1900)
    uses = [("a", 2.95, 200.0), ("b", 3.0, 300.0)]
    turn["tools"] = [{"name": name, "outcome": "done", "at": at, "ms": ms} for name, at, ms in uses]
    [bar] = [bar for bar in plot.bars([turn]) if bar.lane.name == "tools"]
    assert (bar.first, bar.end) == (950, 1300)


def test_over_many_turns_a_bar_is_the_median_and_its_end_the_p95() -> None:
    turns = [acknowledged(n, 700 + n, 1900) for n in range(1, 101)]
    [playout] = [bar for bar in plot.bars(turns) if bar.lane.name == "playout"]
    assert (playout.turns, playout.first, playout.late) == (100, 750, 795)


def test_what_was_ready_before_it_was_asked_for_was_not_waited_for() -> None:
    [playout] = [bar for bar in plot.bars([acknowledged(1, 715, 1900)]) if bar.lane.name == "playout"]
    assert (playout.start, playout.first, playout.took) == (715, 715, (0, 0))


def test_a_turn_that_was_not_answered_is_not_drawn() -> None:
    assert plot.bars([interrupted(1)]) == []
    assert [bar.lane.name for bar in plot.bars([spoken(1)])] == ["caller speaks", "is the turn over?", "recognition"]


@pytest.mark.parametrize("turns", [[spoken(1)], [interrupted(1)], [acknowledged(1, 715, 1900), interrupted(2)]])
@pytest.mark.parametrize("name", ["w.png", "w.svg"])
def test_it_is_drawn_in_the_format_of_its_name(tmp_path: Path, turns: list[plot.Turn], name: str) -> None:
    plot.draw(tmp_path / name, turns, "1 call")
    assert (tmp_path / name).stat().st_size > 1000


def test_what_cannot_be_drawn_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="nothing to draw"):
        plot.draw(tmp_path / "w.png", [], "")
    with pytest.raises(WrongUse, match="Format 'doc' is not supported"):
        plot.draw(tmp_path / "w.doc", [spoken(1)], "")
