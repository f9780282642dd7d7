"""`phone-ops replay`: recorded callers phone the daemon, and what is expected of each call is checked.

Over SIP, a daemon of our own answers on a free loopback port, or one that runs already (`--to`). With
`--speed max` the same `call.py` runs on the sample clock, with no sockets, as fast as the engines allow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from ops import fixture, tape_call
from ops.expectations import Outcome, barge_ins, failures, read_turns
from ops.fixture import Expect, Fixture, FixtureError
from ops.sip_call import place_recorded_call
from ops.usage import WrongUse
from phone_daemon.config import CallSettings, Settings, SipSettings
from phone_daemon.daemon import Daemon
from phone_daemon.events import EndReason, Note
from phone_daemon.wire.sip import CallRefused, CardFailed, LineCard
from sidecars.hosts.host import HostLost

MOST_JOBS = 4
"""Calls that one line card carries, on either side."""
ALL = "every expectation"
CALLER = "what a caller can tell: whether each cue came due, and who ended the call"
LOGGED_S = 5.0
"""How long after the caller's end of a call the daemon's end may come."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one fixture's call went."""

    fixture: str
    turns: int
    barge_ins: int
    failures: list[str]
    folder: str
    """Where the call's files lie; empty for a call to somebody else's daemon."""

    @property
    def passed(self) -> bool:
        return not self.failures


def add_parser(commands: Any) -> None:
    """Adds `replay` to the subparsers of `phone-ops`."""
    parser = commands.add_parser("replay", help="let recorded callers phone the daemon, and check what comes of it")
    parser.add_argument("fixtures", nargs="*", metavar="FIXTURE", help="name or folder of a recorded caller")
    parser.add_argument("--all", action="store_true", help="every recorded caller that ships")
    parser.add_argument(
        "--speed", choices=("real", "max"), default="real", help="max: on the sample clock, without SIP"
    )
    parser.add_argument("--to", metavar="URI", help="phone a running daemon, e.g. sip:127.0.0.1:5060")
    parser.add_argument("--jobs", type=int, default=3, metavar="N", help=f"calls at once, 1 to {MOST_JOBS} (default 3)")
    parser.add_argument("--directory", type=Path, default=Path("var/calls"), help="where calls leave their files")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 every expectation holds, 1 one does not. Raises `WrongUse`."""
    if wrong := _wrong_use(args):
        raise WrongUse(f"phone-ops replay: {wrong}")
    try:
        folders = fixture.every() if args.all else [fixture.find(name) for name in args.fixtures]
        fixtures = [fixture.load(folder) for folder in dict.fromkeys(folders)]
    except FixtureError as error:
        raise WrongUse(str(error)) from None
    settings = Settings(calls=CallSettings(directory=args.directory))
    try:
        with _shown(fixtures, quiet=args.json) as show:
            if args.speed == "max":
                verdicts = on_the_sample_clock(fixtures, settings, args.jobs, show)
            else:
                verdicts = asyncio.run(over_sip(fixtures, settings, args.jobs, args.to, show))
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
        caption=f"judged: {judged}",
    )
    for verdict in verdicts:
        colour, word = ("green", "held") if verdict.passed else ("red", "FAILED")
        why = verdict.failures[0] if verdict.failures else ""
        shown.add_row(verdict.fixture, str(verdict.turns), str(verdict.barge_ins), f"[{colour}]{word}", why)
    return shown


Show = Callable[[str, float], None]
"""Is told of a fixture what part of it has been played, 0 to 1."""


@contextmanager
def _shown(fixtures: Sequence[Fixture], *, quiet: bool) -> Iterator[Show]:
    """A progress bar on stderr, a unit a fixture."""
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


def judged(played: Fixture, outcome: Outcome) -> Verdict:
    """The fixture's expectations against what its call left."""
    turns = outcome.turns
    return Verdict(played.name, len(turns), barge_ins(turns), failures(played.expect, outcome), str(outcome.folder))


# ------------------------------------------------------------------------------------------------ sample clock


def on_the_sample_clock(fixtures: Sequence[Fixture], settings: Settings, jobs: int, show: Show) -> list[Verdict]:
    """Plays each fixture on a clock of its own, `jobs` processes at once."""
    verdicts: dict[str, Verdict] = {}
    # Forking a process whose libraries run threads of their own may hang.
    with ProcessPoolExecutor(min(jobs, len(fixtures)), get_context("spawn")) as pool:
        runs = {pool.submit(_tape_verdict, each, settings): each for each in fixtures}
        for done in as_completed(runs):
            verdicts[runs[done].name] = done.result()
            show(runs[done].name, 1.0)
    return [verdicts[each.name] for each in fixtures]


def _tape_verdict(played: Fixture, settings: Settings) -> Verdict:
    return judged(played, tape_call.play(played, settings, lambda note: None))


# ------------------------------------------------------------------------------------------------ SIP


@dataclass(slots=True)
class Ledger:
    """What the daemon tells of each call, by the fixture that phones under its own name."""

    notes: dict[str, list[Note]] = field(default_factory=dict)
    """By fixture."""
    over: dict[str, asyncio.Event] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    """Call id → fixture."""

    def expect(self, name: str) -> None:
        self.notes[name], self.over[name] = [], asyncio.Event()

    def watch(self, note: Note) -> None:
        if note.kind == "started":
            self.calls[note.call] = str(note.data["caller"])
        name = self.calls.get(note.call, "")
        if name in self.notes:
            self.notes[name].append(note)
            if note.kind == "ended":
                self.over[name].set()


async def over_sip(
    fixtures: Sequence[Fixture], settings: Settings, jobs: int, to: str | None, show: Show
) -> list[Verdict]:
    """Plays fixtures over SIP, `jobs` at once, to a daemon of our own or to `to`."""
    line_card = await LineCard.start(SipSettings(port=0))
    try:
        if to is not None:
            return await _each(fixtures, jobs, lambda each: _to_another(line_card, to, each, show))
        ledger = Ledger()
        settings = replace(tape_call.replay_settings(settings), sip=SipSettings(port=0), health_port=0)
        async with Daemon(settings, watch=ledger.watch, now=lambda: tape_call.NOON) as daemon:
            serving = asyncio.create_task(daemon.serve())
            try:
                return await _each(fixtures, jobs, lambda each: _to_ours(line_card, daemon, ledger, each, show))
            finally:
                daemon.drain()
                await serving
    finally:
        await line_card.close()


async def _each(fixtures: Sequence[Fixture], jobs: int, play: Callable[[Fixture], Awaitable[Verdict]]) -> list[Verdict]:
    """Plays all, `jobs` at once."""
    free = asyncio.Semaphore(jobs)

    async def one(each: Fixture) -> Verdict:
        async with free:
            try:
                return await play(each)
            except CallRefused as refused:
                return Verdict(each.name, 0, 0, [f"call: refused: {refused}"], "")

    # The longest first, so that none runs on alone at the end.
    order = sorted(fixtures, key=lambda each: -sum(len(cue.pcm) for cue in each.cues))
    verdicts = {verdict.fixture: verdict for verdict in await asyncio.gather(*map(one, order))}
    return [verdicts[each.name] for each in fixtures]


async def _to_ours(card: LineCard, daemon: Daemon, ledger: Ledger, each: Fixture, show: Show) -> Verdict:
    ledger.expect(each.name)
    uri = f"sip:{each.called}@127.0.0.1:{daemon.port}"
    side = await place_recorded_call(card, uri, each, lambda part: show(each.name, 0.99 * part))
    ended = EndReason.FAILED
    try:
        async with asyncio.timeout(LOGGED_S):
            await ledger.over[each.name].wait()
        ended = EndReason(str(ledger.notes[each.name][-1].data["reason"]))
    except TimeoutError:
        pass  # Told as FAILED: the daemon still thinks that the call is live.
    show(each.name, 1.0)
    call = next((call for call, name in ledger.calls.items() if name == each.name), "")
    folder = daemon.settings.calls.directory / call
    turns = read_turns(folder / "turns.jsonl")
    return judged(each, Outcome(turns, ended, ledger.notes[each.name], side.gave_up, folder))


async def _to_another(card: LineCard, to: str, each: Fixture, show: Show) -> Verdict:
    """What a caller alone can judge: whether its cues came due, and who ended the call."""
    uri = f"sip:{each.called}@{to.removeprefix('sip:').rpartition('@')[2]}"
    side = await place_recorded_call(card, uri, each, lambda part: show(each.name, 0.99 * part))
    show(each.name, 1.0)
    ended = EndReason.CALLER_HUNG_UP if side.hung_up else EndReason.AGENT_HUNG_UP
    expect = Expect(ended=each.expect.ended)
    return Verdict(each.name, 0, 0, failures(expect, Outcome([], ended, gave_up=side.gave_up)), "")
