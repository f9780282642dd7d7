"""The figures of turn-taking next to their targets, and a row for each kind of scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from rich.table import Table

from ops.bench.figure import Figure
from ops.bench.turn_taking.measure import Outcome
from ops.report import tables

CLEAR = ("interruption",)
TURNS = ("whole", "pause", "hesitation", "people")
"""Turns after no specific question: how long the wait is, and how often it is too short."""
GROUPED = ("digits", "spelled name")
ANSWERS = ("yes or no",)


def figures(found: Sequence[Outcome]) -> list[Figure]:
    """Kinds whose scenes were played."""
    found = [each for each in found if not each.failed]
    every = [
        *_stops(found),
        *_turns("end of turn", [each for each in found if each.kind in TURNS], 8.0, 350.0),
        *_turns("digits, spelled names", [each for each in found if each.kind in GROUPED], 0.0, None),
        *_turns("yes or no", [each for each in found if each.kind in ANSWERS], 8.0, 250.0),
    ]
    return [figure for figure in every if figure.value is not None]


def _stops(found: Sequence[Outcome]) -> list[Figure]:
    stop = [each for each in found if each.wants == "stop"]
    go_on = [each for each in found if each.wants == "go on"]
    nothing = [each for each in found if each.wants == "nothing"]
    echo = [each for each in found if each.kind == "echo"]
    double = [each for each in found if each.kind == "double talk"]
    clear = [each for each in found if each.kind in CLEAR]
    wrong = [each for each in go_on if each.stopped or each.turns]
    return [
        _share("false stops", [bool(each.stopped) for each in go_on], 2.0),
        _share("noise taken for a turn", [each.turns > 0 for each in (*go_on, *nothing)], 2.0),
        _share("echo alone: stops or turns", [not each.right for each in echo], 0.0),
        _share("missed stops", [not each.stopped for each in stop if each.kind != "double talk"], 1.0),
        _share("missed stops in double talk", [not each.stopped for each in double], 5.0),
        *_times("onset to duck", [each.duck_s for each in stop], 150.0),
        *_times("onset to silence", [each.silence_s for each in stop], 400.0),
        *_times("onset to silence, clear speech", [each.silence_s for each in clear], 200.0),
        *_times("restored after a false alarm", [each.resume_s for each in go_on], 400.0),
        _mean("words lost after a false alarm", [float(each.words_lost or 0) for each in wrong or go_on], "words"),
    ]


def _turns(name: str, found: Sequence[Outcome], cut_off: float, wait_ms: float | None) -> list[Figure]:
    waits = [each.wait_s * 1000 for each in found if each.wait_s is not None]
    return [
        _share(f"{name}: cut off", [bool(each.cut_off) for each in found], cut_off),
        _share(f"{name}: agent heard too early", [bool(each.spoken_over) for each in found], None),
        Figure(f"{name}: mean wait", float(np.mean(waits)) if waits else None, "ms", wait_ms, f"{len(waits)} turns"),
        Figure(f"{name}: p90 wait", float(np.percentile(waits, 90)) if waits else None, "ms"),
    ]


def _share(name: str, flags: Sequence[bool], limit: float | None) -> Figure:
    note = f"{sum(flags)} of {len(flags)}"
    return Figure(name, 100 * sum(flags) / len(flags) if flags else None, "%", limit, note)


def _times(name: str, times: Iterable[float | None], limit_ms: float) -> list[Figure]:
    known = [1000 * each for each in times if each is not None]
    if not known:
        return []
    return [
        Figure(f"{name} p50", float(np.percentile(known, 50)), "ms", None, f"{len(known)} scenes"),
        Figure(f"{name} p95", float(np.percentile(known, 95)), "ms", limit_ms),
    ]


def _mean(name: str, values: Sequence[float], unit: str) -> Figure:
    return Figure(name, float(np.mean(values)) if values else None, unit, None, f"{len(values)} scenes")


def show(found: Sequence[Outcome], shown: Sequence[Figure], *, each: bool) -> None:
    """The tables for people."""
    console = tables.console()
    kinds = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("kind", "scenes", "right", "wait p50", "silence p50"):
        kinds.add_column(column, justify="left" if column == "kind" else "right")
    for kind in sorted({one.kind for one in found}):
        these = [one for one in found if one.kind == kind]
        kinds.add_row(
            kind,
            str(len(these)),
            str(sum(one.right for one in these)),
            _middle(these, lambda one: one.wait_s),
            _middle([one for one in these if one.wants == "stop"], lambda one: one.silence_s),
        )
    console.print(kinds, "")
    rows = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("figure", "measured", "target", "", "note"):
        rows.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for figure in shown:
        verdict = {True: "[green]pass[/]", False: "[bold red]MISS[/]", None: ""}[figure.passed]
        rows.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", figure.target, verdict, f"[dim]{figure.note}[/]")
    console.print(rows)
    for one in found:
        if one.failed or (each and not one.right):
            console.print(one.id, one.as_json())


def _middle(found: Sequence[Outcome], of: Callable[[Outcome], float | None]) -> str:
    known = [value for one in found if (value := of(one)) is not None]
    return f"{1000 * float(np.median(known)):.0f} ms" if known else ""
