"""`make bench` = `python -m ops.bench`: measures every promised figure in one run, and prints it next to its target.

`make bench-stt` = `python -m ops.bench --suite stt`: the figures of the recognition engines, in each place where they
can run. `make bench-web` = `python -m ops.bench --suite web`: those of calls from a browser, and of a full console
(needs chromium and the dev extra).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops import sigterm
from ops.bench import (
    answering,
    barge_in,
    endurance,
    faults,
    first_phrase,
    heard,
    interruption,
    line_card,
    llm,
    load,
    recognition,
    understanding,
    voice,
)
from ops.bench.figure import Figure
from ops.bench.figure import Progress as Told
from ops.bench.stt import background, engines, final, freeing, gpu, kills, throughput
from ops.report import tables
from phone_daemon.cli.arguments import Parser

Measure = Callable[[Told], Awaitable[list[Figure]]]


async def _line_card(progress: Told, seconds: float) -> list[Figure]:
    found = await line_card.measure(seconds)
    flush = found["flush_to_silence_ms"]
    assert isinstance(flush, dict)
    note = (
        f"{found['cpu_framed_s']} s against {found['cpu_bridged_s']} s of CPU in {seconds:g} s, {found['calls']} calls"
    )
    return [
        Figure("line card CPU, frames in Python / bridged inside", float(str(found["ratio"])), "×", 2.0, note),
        Figure("flush to silence p99", float(flush["p99"]), "ms", None, f"{flush['count']} flushes"),
    ]


def _measures(args: argparse.Namespace) -> dict[str, Measure]:
    if args.suite == "stt":
        return {
            "throughput": throughput.measure,
            "freeing": partial(freeing.measure, barge_ins=args.count, kills=2 * args.count),
            "beside other callers": partial(background.measure, count=args.count),
            "engines": engines.measure,
            "time to final": final.measure,
            "killed sidecar": partial(kills.measure, kills=args.count),
            "gpu": gpu.measure,
        }
    if args.suite == "web":
        from ops.bench import browser, console, held_browsers  # noqa: PLC0415 (an extra)

        return {
            "browser": browser.measure,
            "held browsers": partial(held_browsers.measure, seconds=args.seconds),
            "console": console.measure,
        }
    return {
        "barge-in": partial(barge_in.measure, count=args.count),
        "interruption": partial(interruption.measure, rounds=args.rounds),
        "language model": partial(llm.measure, count=args.count),
        "answering": partial(answering.measure, rounds=1),
        "model faults": partial(faults.measure, count=args.faults),
        "what was heard": partial(heard.measure, count=args.count),
        "first phrase": first_phrase.measure,
        "line card": partial(_line_card, seconds=args.seconds),
        "load": partial(load.measure, seconds=args.seconds),
        "recognition": recognition.measure,
        "understanding": understanding.measure,
        "voice": voice.measure,
        "endurance": partial(endurance.measure, calls=args.calls),
    }


async def _run(args: argparse.Namespace, found: dict[str, list[Figure]]) -> None:
    """Fills `found`, measurement by measurement."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        for name, measure in _measures(args).items():
            if args.only and name not in args.only:
                continue
            bar = bars.add_task(name, total=1.0)
            try:
                found[name] = await measure(lambda part, bar=bar: bars.update(bar, completed=part))  # type: ignore[misc]
            except Exception as error:
                # A measurement that breaks counts as a missed figure; the others are still reported.
                told = f"{type(error).__name__}: {error}"
                found[name] = [Figure(f"{name} could not be measured", 1, "", 0, told)]
            bars.update(bar, completed=1.0)


def show(found: dict[str, list[Figure]]) -> None:
    """The table for people."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("figure", "measured", "target", "", "note"):
        table.add_column(column, overflow="fold", justify="right" if column in ("measured", "target") else "left")
    for name, figures in found.items():
        table.add_section()
        table.add_row(f"[bold]{name}[/]")
        for figure in figures:
            verdict = {True: "[green]pass[/]", False: "[bold red]MISS[/]", None: ""}[figure.passed]
            measured = "" if figure.value is None else f"{figure.value:.4g} {figure.unit}".strip()
            table.add_row(f"  {figure.name}", measured, figure.target, verdict, f"[dim]{figure.note}[/]")
    tables.console().print(table)


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every figure with a target meets it, 1 if one does not, 2 for wrong use.

    On Ctrl-C or SIGTERM, it prints what has been measured so far, and then ends as if the signal had not been caught.
    """
    parser = Parser("python -m ops.bench", description=__doc__)
    parser.add_argument(
        "--suite", choices=("daemon", "stt", "web"), default="daemon", help="which figures (default daemon)"
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="one measurement (may be given again)")
    parser.add_argument("--count", type=int, default=100, help="programmatic barge-ins (default 100)")
    parser.add_argument("--faults", type=int, default=100, help="turns for each fault of a model (default 100)")
    parser.add_argument("--rounds", type=int, default=2, help="times each recorded interruption is made (default 2)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=20.0,
        help="length of the tests of load, line card CPU, and browsers (default 20)",
    )
    parser.add_argument("--calls", type=int, default=1000, help="short calls of the leak test (default 1000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if unknown := set(args.only or ()) - _measures(args).keys():
        print(f"no measurement {', '.join(unknown)}; there are {', '.join(_measures(args))}", file=sys.stderr)
        return 2
    found: dict[str, list[Figure]] = {}
    try:
        sigterm.run(_run(args, found))
    finally:
        if args.json:
            print(json.dumps({name: [figure.as_json() for figure in figures] for name, figures in found.items()}))
        elif found:
            show(found)
    return 1 if any(figure.passed is False for figures in found.values() for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
