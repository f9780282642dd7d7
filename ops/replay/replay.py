"""`phone-ops replay`: recorded callers phone the daemon, and the expectations for each call are checked.

Over SIP, either a new daemon on a free loopback port answers, or one that is already running (`--to`). With `--speed
max`, the same `call.py` runs on the sample clock, without sockets, as fast as the engines allow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from ops import sigterm, usage
from ops.reachable import nobody_at
from ops.replay import fixture, tape_call
from ops.replay.expectations import Verdict, judged
from ops.replay.fixture import Fixture, FixtureError
from ops.replay.sip_replay import Show, over_sip
from ops.usage import WrongUse, add_config
from phone_daemon.settings.settings import Settings
from phone_daemon.wire.sip import CardFailed
from sidecars.host.host import HostLost

log = logging.getLogger(__name__)

MOST_JOBS = 4
"""Calls that one line card carries, on each side."""
ALL = "every expectation"
CALLER = "what a caller can tell: whether each cue came due, and who ended the call"

EXAMPLES = """\
examples:
  phone-ops replay --all                     every recorded caller, over SIP, to a daemon of its own
  phone-ops replay --all --speed max         the same on a sample clock: no sockets, the same result every time
  phone-ops replay books_an_appointment      one of them
  phone-ops replay my/caller --to sip:127.0.0.1:5060   your own, to a daemon that runs
"""


def add_parser(commands: Any) -> None:
    """Adds `replay` to the subparsers of `phone-ops`."""
    help = "have recorded callers phone the daemon, and check the outcome"
    parser = commands.add_parser(
        "replay",
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=EXAMPLES,
    )
    parser.add_argument("fixtures", nargs="*", metavar="FIXTURE", help="name or folder of a recorded caller")
    parser.add_argument("--all", action="store_true", help="all recorded callers that ship with the project")
    parser.add_argument(
        "--speed", choices=("real", "max"), default="real", help="real: over SIP; max: on a sample clock, without SIP"
    )
    parser.add_argument("--to", metavar="URI", help="phone a running daemon, such as sip:127.0.0.1:5060")
    parser.add_argument(
        "--jobs", type=int, default=3, metavar="N", help=f"simultaneous calls, 1 to {MOST_JOBS} (default 3)"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="where calls leave their files (default var/calls)"
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 if every expectation holds, 1 otherwise. Raises `WrongUse`."""
    if wrong := _wrong_use(args):
        raise WrongUse(f"phone-ops replay: {wrong}")
    try:
        folders = fixture.every() if args.all else [fixture.find(name) for name in args.fixtures]
        fixtures = [fixture.load(folder) for folder in dict.fromkeys(folders)]
    except FixtureError as error:
        raise WrongUse(str(error)) from None
    if args.to and (nobody := asyncio.run(nobody_at(args.to.removeprefix("sip:").rpartition("@")[2]))):
        raise WrongUse(f"phone-ops replay: {nobody}")
    settings = usage.settings(args, takes_calls=not args.to)
    if args.directory is not None:
        settings = replace(settings, calls=replace(settings.calls, directory=args.directory))
    try:
        with _shown(fixtures, quiet=args.json) as show:
            if args.speed == "max":
                verdicts = on_the_sample_clock(fixtures, settings, args.jobs, show)
            else:
                verdicts = sigterm.run(over_sip(fixtures, settings, args.jobs, args.to, show))
    except (CardFailed, HostLost) as error:
        print(f"phone-ops replay: {error}", file=sys.stderr)
        return 1
    passed = all(verdict.passed for verdict in verdicts)
    if args.json:
        told = [{**asdict(verdict), "passed": verdict.passed} for verdict in verdicts]
        print(json.dumps({"passed": passed, "judged": CALLER if args.to else ALL, "fixtures": told}, indent=2))
    else:
        Console().print(table(verdicts, CALLER if args.to else ALL))
    return 0 if passed else 1


def _wrong_use(args: argparse.Namespace) -> str:
    if bool(args.fixtures) == args.all:
        return "name the fixtures to play, or say --all"
    if args.to and args.speed == "max":
        return "--to phones a running daemon, which cannot run on the sample clock: leave out --speed max"
    if not 1 <= args.jobs <= MOST_JOBS:
        return f"--jobs {args.jobs}: a line card carries 1 to {MOST_JOBS} calls"
    return ""


def table(verdicts: Iterable[Verdict], judged: str) -> Table:
    """Fixture, turns, barge-ins, verdict, and the first expectation that failed."""
    shown = Table(
        *(Column("fixture", no_wrap=True), "turns", "barge-ins", "verdict", "first failed expectation"),
        caption=f"checked: {judged}",
    )
    for verdict in verdicts:
        color, word = ("green", "held") if verdict.passed else ("red", "FAILED")
        why = verdict.failures[0] if verdict.failures else ""
        shown.add_row(verdict.fixture, str(verdict.turns), str(verdict.barge_ins), f"[{color}]{word}", why)
    return shown


@contextmanager
def _shown(fixtures: Sequence[Fixture], *, quiet: bool) -> Iterator[Show]:
    """A progress bar on stderr, one unit per fixture."""
    bar = Progress(
        TextColumn("replay"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total} {task.fields[now]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
        transient=True,
    )
    parts = {each.name: 0.0 for each in fixtures}
    with bar:
        task = bar.add_task("", total=len(parts), now="")

        def show(name: str, part: float) -> None:
            parts[name] = part
            running = [name for name, part in parts.items() if 0 < part < 1]
            bar.update(task, completed=sum(parts.values()), now=", ".join(running))

        yield show


def on_the_sample_clock(fixtures: Sequence[Fixture], settings: Settings, jobs: int, show: Show) -> list[Verdict]:
    """Plays each fixture on its own clock, in `jobs` processes at once."""
    verdicts: dict[str, Verdict] = {}
    # Forking a process whose libraries run their own threads may hang.
    with ProcessPoolExecutor(min(jobs, len(fixtures)), get_context("spawn")) as pool:
        runs = {pool.submit(_tape_verdict, each, settings): each for each in fixtures}
        for done in as_completed(runs):
            verdicts[runs[done].name] = done.result()
            show(runs[done].name, 1.0)
    return [verdicts[each.name] for each in fixtures]


def _tape_verdict(played: Fixture, settings: Settings) -> Verdict:
    try:
        return judged(played, tape_call.play(played, settings, lambda note: None))
    except HostLost:
        raise
    except Exception as error:
        # A defect in the daemon that one call triggers; the others are still worth judging.
        log.exception("%s", played.name)
        return Verdict(played.name, 0, 0, [f"call: failed: {error}"], "")
