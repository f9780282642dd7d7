"""`phone-ops burst`: interrupt a speaking agent many times in live SIP calls, and check how fast it stops.

A bare SIP caller phones the daemon and waits until it hears the agent. Then an `interrupt` command is sent over the
daemon's command channel; the answer contains the legs of the cancel chain. The caller presses a key to make the agent
speak again, and so on. A language model is made to talk at length, and is interrupted only while it speaks. The caller
checks every packet: audio that arrives after the line card reported silence is a stale frame.

examples:
  phone-ops burst --count 100                        a daemon of its own, on free ports
  phone-ops burst --to sip:100@127.0.0.1:5060        the one that runs there
  phone-ops burst --count 100 -c FILE --json         with agent = "llm": cuts the model off in mid-stream

Exit codes: 0 the gate holds, 1 it does not, 2 usage error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from ops import sigterm
from ops.live.daemon_process import DaemonFailed, DaemonProcess
from ops.live.floor import endpoint, floor
from ops.live.model_endpoint import EndpointFailed
from ops.live.verbose_dialplan import talkative
from ops.reachable import nobody_at
from ops.report import tables
from ops.report.stats import gate_ms, quantiles
from ops.usage import WrongUse, add_config, settings
from ops.witness.probe import Probe, Refused, address, until
from ops.witness.rtp import Packet
from phone_daemon.dialplan.dialplan import DialplanError, load_dialplans
from phone_daemon.settings.settings import Settings, StateSettings
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.store import CommandKind
from phone_daemon.telemetry.turn_record import LEGS

SETTLE_NS = 30_000_000
"""Tolerance after the card's first silent frame: one frame in the conference bridge, and 10 ms of slack."""
NUMBER = "100"
WATCH_S = 0.3
"""How long the wire is watched for stale frames before the agent is made to speak again."""
SPEECH_S = 1.0
"""If the agent says nothing for this long after the last key, it is told what to say."""
AUDIBLE = 3
"""This many packets with sound mean that the agent is audible."""
KEYS = ("*", "#")
"""The agent answers `*` in any case; `#` ends the turn of a question that waits for more keys."""
THINK_S = 15.0
"""A language model that says nothing for this long has failed."""
MAX_FAILURES = 3
MONOLOGUE = (
    "Let me tell you about our practice. We are open every day from eight in the morning, and the first "
    "appointment is often free. You can park behind the house, and the bus stops in front of it."
)


@dataclass(slots=True)
class Tally:
    """The measurements of a burst so far; times in ms."""

    count: int = 0
    legs: dict[str, list[float]] = field(default_factory=lambda: {leg: [] for leg in (*LEGS, "total")})
    wire: list[float] = field(default_factory=list)
    """From the decision to the last packet that was not silent, judged by the packets."""
    stale_frames: int = 0
    missed: int = 0
    """Legs that missed their deadline."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A burst's result in the form that `--json` prints."""

    tally: Tally
    wanted: int
    floor_ms: float

    @property
    def limit_ms(self) -> float:
        """The limit: floor + 400 ms."""
        return gate_ms(self.floor_ms)

    @property
    def total_p95_ms(self) -> float:
        """Infinite if nothing was measured."""
        totals = self.tally.legs["total"]
        return quantiles(totals)["p95"] if totals else float("inf")

    @property
    def gate_passed(self) -> bool:
        """A leg that missed its deadline has no time, so no leg may be missing."""
        return self.total_p95_ms <= self.limit_ms and not self.tally.missed

    @property
    def passed(self) -> bool:
        """Whether the gate held, no audio of a canceled reply was sent, and there were as many barge-ins as
        requested.
        """
        return self.gate_passed and not self.tally.stale_frames and self.tally.count >= self.wanted

    def as_json(self) -> dict[str, object]:
        """Times in ms, rounded to the microsecond."""
        p95 = self.total_p95_ms if self.tally.count else None
        return {
            "count": self.tally.count,
            "legs": {leg: _rounded(quantiles(took)) for leg, took in self.tally.legs.items() if took},
            "llm_cancel_floor_ms": round(self.floor_ms, 3),
            "gate": {
                "limit_ms": round(self.limit_ms, 3),
                "p95_ms": None if p95 is None else round(p95, 3),
                "passed": self.gate_passed,
            },
            "stale_frames": self.tally.stale_frames,
        }


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(figures[key], 3) for key in ("p50", "p95", "p99", "max")}


async def burst(  # noqa: PLR0917
    uri: str,
    state: StateSettings,
    count: int,
    calls: int,
    progress: Callable[[int], None] = lambda done: None,
    thinks: bool = False,
) -> Tally:
    """Makes `count` barge-ins, in `calls` calls at a time. If there are fewer, `problems` says why.

    `thinks`: a language model answers; its greeting is a fixed text and is not interrupted.
    """
    tally = Tally()
    waiting = list(range(count))
    async with Commands(state) as commands:
        callers = [_Caller(uri, commands, waiting, tally, progress, thinks) for _ in range(min(calls, count))]
        async with asyncio.TaskGroup() as tasks:
            for caller in callers:
                tasks.create_task(caller.run())
    return tally


class _Caller:
    """One caller, who keeps calling until no barge-ins are left to make."""

    def __init__(  # noqa: PLR0917
        self,
        uri: str,
        commands: Commands,
        waiting: list[int],
        tally: Tally,
        progress: Callable[[int], None],
        thinks: bool,
    ) -> None:
        self._uri = uri
        self._commands = commands
        self._waiting = waiting
        self._tally = tally
        self._progress = progress
        self._thinks = thinks
        self._failures = 0

    async def run(self) -> None:
        while self._waiting and self._failures < MAX_FAILURES:
            name = f"burst-{secrets.token_hex(4)}"
            try:
                async with Probe(self._uri, caller=name) as probe:
                    await probe.answered()
                    await self._interrupt(probe, await self._commands.call_of(name))
            except (Refused, TimeoutError, CommandFailed) as error:
                self._failures += 1
                self._tally.problems.append(f"{name}: {str(error) or 'nothing happened in time'}")

    async def _interrupt(self, probe: Probe, call: str) -> None:
        """Interrupts the greeting, and then every reply for as long as the call lasts."""
        await until(lambda: _heard(probe, 0))
        if self._thinks:
            with contextlib.suppress(CommandFailed):  # The reply is already over.
                await self._commands.order(call, CommandKind.INTERRUPT)
            await asyncio.sleep(WATCH_S)
            await self._ask(probe, call)
        while self._waiting and probe.live:
            # Anywhere in a word, a pause, or a 20 ms frame.
            await asyncio.sleep(random.uniform(0.05, 0.6))
            try:
                answer = await self._commands.order(call, CommandKind.INTERRUPT)
            except CommandFailed as error:
                if "not speaking" not in str(error):
                    raise
            else:
                if not self._waiting:
                    return
                self._waiting.pop()
                await asyncio.sleep(WATCH_S)
                self._count(probe, answer)
            if self._waiting:
                await self._ask(probe, call)

    async def _ask(self, probe: Probe, call: str) -> None:
        """Makes the agent speak, and waits until it is audible."""
        since_ns = probe.rtp.packets[-1].at_ns
        if self._thinks:
            probe.rtp.press("".join(KEYS))
            return await until(lambda: _heard(probe, since_ns), THINK_S)
        for key in KEYS:
            probe.rtp.press(key)
            with contextlib.suppress(TimeoutError):
                return await until(lambda: _heard(probe, since_ns), SPEECH_S)
        await self._commands.order(call, CommandKind.SAY, MONOLOGUE)
        return await until(lambda: _heard(probe, since_ns))

    def _count(self, probe: Probe, answer: dict[str, Any]) -> None:
        """Records one barge-in. Everything that arrives now should be silent: the agent was not yet asked to
        continue.
        """
        tally = self._tally
        legs: dict[str, float] = answer["legs_ms"]
        tally.count += 1
        tally.missed += len(answer["missed"])
        for leg, took in legs.items():
            tally.legs[leg].append(took)
        triggered = int(answer["vad_trigger_ns"])
        packets = list(probe.rtp.packets)
        if "rtp_silent" in legs:
            tally.stale_frames += stale(packets, triggered + round(legs["rtp_silent"] * 1e6))
        spoken = [packet.at_ns for packet in packets if not packet.silent]
        tally.wire.append(max(0.0, (spoken[-1] - triggered) / 1e6))
        self._progress(tally.count)


def stale(packets: Iterable[Packet], silent_ns: int) -> int:
    """Packets with sound that arrived although the line card reports silence since `silent_ns`."""
    return sum(not packet.silent for packet in packets if packet.at_ns > silent_ns + SETTLE_NS)


def _heard(probe: Probe, since_ns: int) -> bool:
    """Whether the agent is audible on the wire, or never will be."""
    return not probe.live or sum(not packet.silent for packet in probe.rtp.since(since_ns)) >= AUDIBLE


# ------------------------------------------------------------------------------------------------ the command


@asynccontextmanager
async def _daemon(args: argparse.Namespace, standing: Settings) -> AsyncIterator[tuple[str, StateSettings]]:
    """The daemon to call and its Redis: the one named by `--to`, or a new daemon for this run."""
    if args.to:
        yield args.to, standing.state
        return
    with tempfile.TemporaryDirectory(prefix="burst-") as folder:
        laid = sections(args.config)
        if "dialplans" in laid:
            laid["dialplans"] = [str(talkative(Path(plan), Path(folder))) for plan in laid["dialplans"]]
        async with DaemonProcess(Path(folder), laid) as daemon:
            yield daemon.uri(number(standing)), daemon.state


def number(standing: Settings) -> str:
    """A number that the dialplans answer: preferably a language model's, and 100 if possible.

    If the dialplans have only regular expressions, no matching number is known, and 100 is tried.
    """
    plans = load_dialplans(standing)
    now = datetime.now(UTC)
    asked = next((plan for plan in plans if plan.agent == "llm"), next(iter(plans)))
    wanted = (NUMBER, *(called.rstrip("*") for called in asked.called if not called.startswith("/")))
    answered = (each for each in wanted if each and (plan := plans.match(each, now)) and plan.name == asked.name)
    return next(answered, NUMBER)


def sections(config: Path | None) -> dict[str, Any]:
    """The settings file in the form that `DaemonProcess` takes, with absolute paths, because the file moves."""
    if config is None:
        return {}
    found: dict[str, Any] = tomllib.loads(config.read_text())
    if "dialplans" in found:
        found["dialplans"] = [str((config.parent / plan).absolute()) for plan in found["dialplans"]]
    for name in ("sip", "calls", "state"):  # this run has its own ports and folders
        for key in ("port", "directory"):
            found.get(name, {}).pop(key, None)
    found.pop("health_port", None)
    # The daemon that owns the accounts keeps them, and this run's caller belongs to none of its trunks.
    found.pop("trunk", None)
    return found


def show(verdict: Verdict) -> None:
    """The result as a table for people."""
    tally = verdict.tally
    out = tables.console()
    legs = {leg: took for leg, took in tally.legs.items() if took}
    out.print(tables.legs(legs, floor_ms=verdict.floor_ms, limit_ms=verdict.limit_ms, missed=tally.missed))
    if any(tally.wire):
        figures = quantiles(tally.wire)
        wire = " · ".join(f"{key} {figures[key]:.1f}" for key in ("p50", "p95", "p99", "max"))
        out.print(f"from the decision to the last sound that the caller received (0: none after it): {wire} ms")
    elif tally.wire:
        out.print("the caller received no sound after any decision")
    out.print(f"stale frames {tally.stale_frames} · barge-ins {tally.count} of {verdict.wanted}")
    out.print("[bold green]passed[/]" if verdict.passed else "[bold red]FAILED[/]")


async def _measure(args: argparse.Namespace, standing: Settings) -> Verdict:
    bare = await floor(standing)
    thinks = endpoint(standing, load_dialplans(standing)) is not None
    async with _daemon(args, standing) as (uri, state):
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("barge-ins", total=args.count)
            tally = await burst(
                uri, state, args.count, args.calls, lambda done: bar.update(task, completed=done), thinks
            )
    return Verdict(tally, args.count, bare.ms["p95"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=100, metavar="N", help="number of barge-ins (default 100)")
    parser.add_argument("--calls", type=int, default=2, metavar="K", help="simultaneous calls (default 2)")
    parser.add_argument("--to", metavar="URI", help="phone a running daemon, such as sip:100@127.0.0.1:5060")
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Returns 0 if the gate held, 1 if it did not. Raises `WrongUse`."""
    if args.count < 1 or args.calls < 1:
        raise WrongUse("phone-ops burst: --count and --calls must be at least 1")
    try:
        if args.to:
            host, port = address(args.to)
            if nobody := asyncio.run(nobody_at(f"{host}:{port}")):
                raise WrongUse(f"phone-ops burst: {nobody}")
        verdict = sigterm.run(_measure(args, settings(args)))
    except (DialplanError, DaemonFailed, ValueError) as error:
        raise WrongUse(f"phone-ops burst: {error}") from None
    except EndpointFailed as error:
        print(f"phone-ops burst: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(verdict.as_json()))
    else:
        show(verdict)
    for problem in verdict.tally.problems:
        print(f"phone-ops burst: {problem}", file=sys.stderr)
    return 0 if verdict.passed else 1
