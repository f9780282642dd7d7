"""The table of all agents: one row per figure, and who leads in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from ops.bench.peers.peers import OURS
from ops.bench.peers.run import LATE_S
from ops.bench.peers.score import Outcome
from ops.report import tables

Found = Mapping[str, Sequence[Outcome]]
"""Outcomes by the name of the agent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all agents; lower is better. An agent without a known value has none."""

    name: str
    unit: str
    values: Mapping[str, float]
    of: Mapping[str, int]
    """For each agent, the values behind the figure: scenes, or times."""
    counted: bool = False
    """Whether it is a share, which is shown with the number of scenes."""

    contest: bool = True
    """False if it describes the machine, so that nobody leads."""

    @property
    def verdict(self) -> str:
        """Who leads, and by how much ours trails."""
        others = {name: value for name, value in self.values.items() if name != OURS}
        if not self.contest or OURS not in self.values or not others:
            return ""
        best = min(others, key=lambda name: others[name])
        behind = self.values[OURS] - others[best]
        if abs(behind) < 1e-9:
            return "level"
        return "ours" if behind < 0 else f"{best}, by {_number(behind)} {self.unit}"


def rows(found: Found) -> list[Row]:
    """Agents with a known value."""
    every = [
        _share("false stops", found, lambda one: one.stopped if one.wants == "go on" else None),
        _share("no turn, and answered", found, _answered),
        _share("missed stops", found, _missed),
        *_times("onset to last sample", found, lambda one: one.silence_s if one.wants == "stop" else None),
        *_times("trigger to last sample", found, lambda one: one.trigger_s),
        _mean("words lost", found, lambda one: one.words_lost),
        _share("heard text off", found, _off),
        _share("turns cut off", found, lambda one: one.cut_off),
        *_times("TTFA", found, lambda one: one.ttfa_s),
        _mean("CPU of a core", found, lambda one: 100 * one.cpu if one.cpu else None, "%"),
        _most("memory", found, lambda one: one.memory_mb or None, "MB"),
        replace(_share("line itself late", found, lambda one: one.late_s > LATE_S), contest=False),
        replace(_share("no call came of it", found, lambda one: bool(one.failed), failed=True), contest=False),
    ]
    return [row for row in every if row.values]


def _missed(one: Outcome) -> bool | None:
    return None if one.stopped is None or one.wants != "stop" else not one.stopped


def _answered(one: Outcome) -> bool | None:
    return one.turns > 0 if one.wants in ("go on", "nothing") else None


def _off(one: Outcome) -> bool | None:
    return None if one.history_off is None else abs(one.history_off) > 1


def _known(found: Found, of: Callable[[Outcome], float | None], *, failed: bool = False) -> dict[str, list[float]]:
    told = {
        name: [float(value) for one in outcomes if failed or not one.failed if (value := of(one)) is not None]
        for name, outcomes in found.items()
    }
    return {name: values for name, values in told.items() if values}


def _row(name: str, unit: str, known: Mapping[str, list[float]], of: Callable[[list[float]], float]) -> Row:
    return Row(
        name, unit, {who: of(each) for who, each in known.items()}, {who: len(each) for who, each in known.items()}
    )


def _share(name: str, found: Found, of: Callable[[Outcome], bool | None], *, failed: bool = False) -> Row:
    row = _row(name, "%", _known(found, of, failed=failed), lambda each: 100 * float(np.mean(each)))
    return replace(row, counted=True)


def _times(name: str, found: Found, of: Callable[[Outcome], float | None]) -> list[Row]:
    known = _known(found, of)
    return [
        _row(f"{name} p50", "ms", known, lambda each: 1000 * float(np.percentile(each, 50))),
        _row(f"{name} p95", "ms", known, lambda each: 1000 * float(np.percentile(each, 95))),
    ]


def _mean(name: str, found: Found, of: Callable[[Outcome], float | None], unit: str = "words") -> Row:
    return _row(name, unit, _known(found, of), lambda each: float(np.mean(each)))


def _most(name: str, found: Found, of: Callable[[Outcome], float | None], unit: str) -> Row:
    return _row(name, unit, _known(found, of), max)


def table(found: Found) -> Table:
    """The table for people."""
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("", *found, "ahead"):
        shown.add_column(column, justify="left" if column in ("", "ahead") else "right", no_wrap=column == "")
    for row in rows(found):
        shown.add_row(row.name, *(_cell(row, name) for name in found), row.verdict)
    return shown


def _cell(row: Row, name: str) -> str:
    if name not in row.values:
        return "–"
    of = f" [dim]of {row.of[name]}[/]" if row.counted else ""
    return f"{_number(row.values[name])} {row.unit}{of}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def show(found: Found, notes: Sequence[str]) -> None:
    """The table, followed by how it was made."""
    console = tables.console()
    console.print(table(found), "", *notes, sep="\n")
    for name, outcomes in found.items():
        for one in outcomes:
            if one.failed:
                console.print(f"{name}: {one.id}: {one.failed}")
