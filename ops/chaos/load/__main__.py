"""make load: how many calls this machine carries. Starts daemons with line cards, calls them, and prints a table.

held   calls that are held side by side, in which callers ask and interrupt (64 in 16 line cards, for 10 minutes)
rate   many short calls, one after the other, at a steady rate, through the edge (10,000 at 4 a second)
limit  with the embedded engines: how many calls until the answers take twice as long, and what ran out

`held` and `rate` use STUB engines (one sentence, one tone) unless told otherwise: they measure everything else.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops import sigterm
from ops.bench.figure import Figure
from ops.chaos.load import measured
from ops.chaos.load.fleet import Fleet, Shape, Tell, fleet
from ops.chaos.load.held import Held, held
from ops.chaos.load.rate import TALK_S, rate
from ops.edge.plan import EdgeError
from ops.live.daemon_process import DaemonFailed
from phone_daemon.cli.arguments import Parser

STEPS = (1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64)
STEP_S = 60.0
"""How long `limit` holds each number of calls."""
RECORDED_BYTES_S = 32_000
"""Bytes per second of a call's recording: 8 kHz, 16 bit, stereo."""


@dataclass(frozen=True, slots=True)
class Column:
    """The figures of one number of calls."""

    name: str
    figures: list[Figure]


Test = Callable[[argparse.Namespace, Fleet, Tell], Coroutine[Any, Any, list[Column]]]


async def _held(args: argparse.Namespace, made: Fleet, tell: Tell) -> list[Column]:
    columns = []
    for at, calls in enumerate(args.calls):
        found = await held(made, calls, 60 * args.minutes, _nth(tell, at, len(args.calls)))
        columns.append(_column(found, made))
    return columns


def _nth(tell: Tell, at: int, count: int) -> Tell:
    """Reports the progress of one of `count` parts."""
    return lambda part, text: tell((at + part) / count, text)


def _column(found: Held, made: Fleet) -> Column:
    figures = [
        measured.lost(found.told),
        *measured.audio(found.told, found.late_ns),
        measured.unanswered(found.told),
        *measured.speed(found.turns),
        *found.spent.figures(found.calls),
        made.complaints(),
    ]
    return Column(f"{found.calls} call{'s' * (found.calls > 1)}", figures)


async def _rate(args: argparse.Namespace, made: Fleet, tell: Tell) -> list[Column]:
    return [Column(f"{args.calls[0]} calls", await rate(made, args.calls[0], args.per_second, tell))]


async def _limit(args: argparse.Namespace, made: Fleet, tell: Tell) -> list[Column]:
    """Holds more and more calls until their answers take twice as long as a single call's."""
    columns: list[Column] = []
    first, steps = 0.0, [step for step in STEPS if step <= args.shape.places]
    for at, calls in enumerate(steps):
        found = await held(made, calls, args.step_s, _nth(tell, at, len(steps)))
        columns.append(_column(found, made))
        ttfa = next((each.value or 0.0 for each in columns[-1].figures if each.name == "TTFA p95"), float("inf"))
        first = first or ttfa
        out = found.spent.ran_out() or "nothing: each process had CPU to spare"
        if ttfa > 2 * first or any(each.why for each in found.told):
            doubled = f"with {calls} calls: {ttfa:.0f} ms after {first:.0f} with one; ran out: {out}"
            columns.append(Column("result", [Figure("calls until TTFA p95 doubles", calls, "", None, doubled)]))
            return columns
    enough = f"{steps[-1]} calls, as many as there are places for, did not double it; ran out: {out}"
    return [*columns, Column("result", [Figure("calls until TTFA p95 doubles", None, "", None, enough)])]


def show(title: str, columns: list[Column], console: Console) -> None:
    """A row for each figure, with a column for each number of calls, and the notes of the last."""
    console.print(title, highlight=False)
    names = list(dict.fromkeys(each.name for column in columns for each in column.figures))
    shown = [column for column in columns if column.name != "result"]
    table = Table(box=None, pad_edge=False)
    for name in ("figure", *(column.name for column in shown), "target", "", "note"):
        table.add_column(name, overflow="fold")
    for name in names:
        found = [next((each for each in column.figures if each.name == name), None) for column in columns]
        row = [_value(each) for column, each in zip(columns, found, strict=True) if column in shown]
        last = next(each for each in reversed(found) if each is not None)
        if all(each is None for column, each in zip(columns, found, strict=True) if column in shown):
            row[0] = _value(last)
        passed = [each.passed for each in found if each is not None and each.passed is not None]
        verdict = "" if not passed else "held" if all(passed) else "FAILED"
        table.add_row(name, *row, last.target, verdict, last.note)
    console.print(table)


def _value(figure: Figure | None) -> str:
    return "" if figure is None or figure.value is None else f"{figure.value:.4g} {figure.unit}".strip()


async def _run(args: argparse.Namespace) -> list[Column]:
    with ExitStack() as stack:
        # The remaining processes of a killed daemon may still write.
        folder = args.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="load-", ignore_cleanup_errors=True))
        )
        folder.mkdir(parents=True, exist_ok=True)
        _room(args, folder)
        bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True))
        does: Test = args.does
        found: list[Column] = []
        with bar:
            task = bar.add_task("starting the daemons", total=1.0)
            try:
                async with fleet(folder, args.shape) as made:
                    found = await does(
                        args, made, lambda part, text: bar.update(task, completed=part, description=text)
                    )
            except TimeoutError:
                # Daemons that did not end in time have been killed; the measurements are still valid.
                if not found:
                    raise
        return found


def _room(args: argparse.Namespace, folder: Path) -> None:
    """Recordings need room. Raises `EdgeError` if there is not enough."""
    if args.does is not _held:
        return
    need, free = 1.2 * sum(args.calls) * 60 * args.minutes * RECORDED_BYTES_S, shutil.disk_usage(folder).free
    if need > free:
        raise EdgeError(
            f"the calls' recordings need {need / 1e9:.1f} GB in {folder.parent}, where {free / 1e9:.1f} are free; "
            "set TMPDIR to a folder with more, or hold fewer calls"
        )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="make load", description=__doc__)
    actions = parser.add_subparsers(metavar="TEST")
    for name, does, help in (
        ("held", _held, "calls held side by side"),
        ("rate", _rate, "many short calls at a steady rate"),
        ("limit", _limit, "how many calls until the answers take twice as long"),
    ):
        one = actions.add_parser(name, help=help, description=help)
        one.set_defaults(does=does)
        one.add_argument("--daemons", type=_count, default=4, help="default: 4")
        one.add_argument("--cards", type=_count, default=2 if name == "rate" else 4, help="line cards of each daemon")
        one.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the daemons' log and calls there")
        one.add_argument("--json", action="store_true", help="print JSON")
        if name != "limit":
            one.add_argument("--engines", choices=("stub", "embedded"), default="stub", help="default: stub")
        match name:
            case "held":
                one.add_argument("--edge", action="store_true", help="calls through the edge")
                one.add_argument("--calls", type=_count, nargs="+", default=[64], help="default: 64; several: in turn")
                one.add_argument("--minutes", type=float, default=10.0, help="for each number of calls; default: 10")
            case "rate":
                one.add_argument("--calls", type=_count, nargs=1, default=[10_000], help="default: 10,000")
                one.add_argument("--per-second", type=float, default=4.0, help="default: 4")
            case "limit":
                one.add_argument("--step-s", type=float, default=STEP_S, help=f"for each number; default: {STEP_S:g}")
                one.add_argument("--edge", action="store_true", help="calls through the edge")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number above 0")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every target was met, 1 if one was missed, 2 if it cannot run here."""
    words = sys.argv[1:] if argv is None else argv
    parser = _parser()
    args = parser.parse_args(
        words if words and words[0] in ("held", "rate", "limit", "-h", "--help") else ["held", *words]
    )
    edge = args.does is _rate or args.edge
    args.shape = Shape(args.daemons, args.cards, getattr(args, "engines", "embedded"), edge)
    most = max(args.calls) if args.does is _held else args.per_second * TALK_S if args.does is _rate else 1
    if most > args.shape.places:
        parser.error(f"{most:g} calls at a time do not fit into {args.shape.places} places; raise --daemons or --cards")
    try:
        columns = sigterm.run(_run(args))
    except (EdgeError, DaemonFailed, TimeoutError) as error:
        print(f"load: {error}", file=sys.stderr)
        return 2
    if args.json:
        told = {column.name: [each.as_json() for each in column.figures] for column in columns}
        print(json.dumps({"system": args.shape.title, **told}, indent=2))
    else:
        show(args.shape.title, columns, Console(highlight=False))
    return int(any(each.passed is False for column in columns for each in column.figures))


if __name__ == "__main__":
    sys.exit(main())
