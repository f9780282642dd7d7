"""Places side by side: the table as printed, and as it appears in a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Column, Table
from rich.text import Text

from ops.ab.rule import LEGS, Measured, Outcome, told
from ops.report.stats import quantiles

QUANTILES = ("p50", "p95", "p99")
NONE = "–"


def rows(places: Mapping[str, Measured]) -> Iterator[tuple[str, list[str]]]:
    """The name of each figure, and its value at each place."""
    each = places.values()

    def row(name: str, *values: str) -> tuple[str, list[str]]:
        return name, list(values)

    for leg in LEGS:
        yield row(f"{leg}, ms", *(_quantiles(one.legs_ms.get(leg, ())) for one in each))
    yield row("barge-ins", *(f"{len(one.legs_ms.get('total', ()))}" for one in each))
    yield row("missed legs", *(str(one.missed) for one in each))
    yield row("stale frames", *(str(one.stale_frames) for one in each))
    yield row("chunk→partial, ms", *(_quantiles(one.partial_ms) for one in each))
    yield row("streams, real time", *(str(one.streams) for one in each))
    yield row("start-up, s", *(f"{one.startup_s:.2f}" for one in each))
    yield row("RSS, MB", *(f"{one.memory_mb:.0f}" for one in each))
    yield row("VRAM, MB", *("no GPU" if one.vram_mb is None else f"{one.vram_mb:.0f}" for one in each))
    yield row("words lost", *(f"{one.words_lost} of {one.words}" for one in each))


def _quantiles(samples: Sequence[float]) -> str:
    if not samples:
        return NONE
    figures = quantiles(samples)
    return " ".join(told(figures[name]) for name in QUANTILES)


def table(places: Mapping[str, Measured]) -> Table:
    """The table for a terminal."""
    shown = Table(
        Column("p50 p95 p99", no_wrap=True),
        *(Column(place, justify="right", no_wrap=True) for place in places),
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name, values in rows(places):
        shown.add_row(Text(name, "bold" if name.startswith("total") else ""), *values)
    return shown


def markdown(places: Mapping[str, Measured]) -> str:
    """The table for a file."""
    lines = [["p50 p95 p99", *places], ["---", *("---:" for _ in places)]]
    lines += [[name, *values] for name, values in rows(places)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def notes(places: Mapping[str, Measured], refused: Mapping[str, str], outcome: Outcome) -> Iterator[str]:
    """What the table does not show, one line each."""
    for place, why in refused.items():
        yield f"{place} cannot run: {why}"
    for place, reasons in outcome.against.items():
        if reasons:
            yield f"{place}, next to the sidecar: {'; '.join(reasons)}"
    for place, measured in places.items():
        at = f"partials at {measured.partial_streams} streams" if measured.partial_streams else "no partials"
        yield f"{place}: {measured.by_voice} of the barge-ins by voice; {at}"
        for problem in measured.problems:
            yield f"{place}: {problem}"
