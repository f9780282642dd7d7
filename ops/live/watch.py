"""`phone-ops calls | watch | hangup | drain`: shows and ends live calls through the daemon's Redis."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from rich.table import Table
from rich.text import Text

from ops.live.api import ApiOperator, Switchboard
from ops.live.events import Event, event_of, printable
from ops.report import tables
from ops.report.captions import Captions, caption_of
from ops.usage import WrongUse, add_config, settings
from phone_daemon.events import Note
from phone_daemon.state.client import blame, where
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.server import socket_path
from phone_daemon.state.store import EVENTS, TEXTS, Command, CommandKind

COLUMNS = ("call", "caller", "called", "dialplan", "state", "turn")
POLL_MS = 1000
PAGE = 500
PRIVATE = "(kept private)"
"""Shown if a daemon does not store what people say (`state.texts`)."""


class Operator(Commands):
    """What an operator sees of, and asks of, all daemons that share one Redis."""

    async def drain(self, daemon: str) -> dict[str, Any]:
        """Asks a daemon to take no more calls; returns its answer. Raises `CommandFailed`."""
        return await self.deliver(daemon, Command(CommandKind.DRAIN))

    async def events(self, *, past: bool) -> AsyncIterator[Event]:
        """Every call's notes as they arrive; with `past`, first those that the stream still holds. Runs until canceled.

        Raises `CommandFailed` if Redis cannot be reached.
        """
        try:
            last = "0-0" if past else await self._last_id()
            while True:
                found = await self._ask("XREAD", "COUNT", PAGE, "BLOCK", POLL_MS, "STREAMS", EVENTS, last)
                for _, entries in found:
                    for id, fields in entries:
                        last = id
                        yield event_of(
                            id, fields["call"], fields["kind"], int(fields["at_ns"]), json.loads(fields["data"])
                        )
        except Exception as error:
            raise CommandFailed(f"{where(self._settings)}: {blame(error)}") from None

    async def _last_id(self) -> str:
        newest = await self._ask("XREVRANGE", EVENTS, "+", "-", "COUNT", 1)
        return str(newest[0][0]) if newest else "0-0"


# ------------------------------------------------------------------------------------------------ the commands


Act = Callable[[Operator, argparse.Namespace], Awaitable[int]]
"""A command; returns its exit code. Raises `CommandFailed` or `WrongUse`."""


async def _calls(operator: Switchboard, args: argparse.Namespace) -> int:
    calls = await operator.calls()
    if args.json:
        print(json.dumps(list(calls.values()), indent=2))
        return 0
    out = tables.console()
    if not calls:
        out.print("no live calls" if await operator.daemons() else "no live calls, and no daemon that could have any")
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column == "call")
    for shown in calls.values():
        table.add_row(*(Text(printable(shown.get(column, ""))) for column in COLUMNS))
    out.print(table)
    return 0


async def _watch(operator: Switchboard, args: argparse.Namespace) -> int:
    if not args.call:
        async for event in operator.events(past=False):
            if line := _as_json(event) if args.json else line_of(event):
                print(line, flush=True)
        return 0
    if args.call not in await operator.calls():
        raise CommandFailed(f"call {args.call} is not live; phone-ops calls lists those that are")
    with Captions(tables.console()) as captions:
        # From the oldest entry that the stream still holds.
        async for event in operator.events(past=True):
            if event.note.call != args.call:
                continue
            if args.json:
                print(_as_json(event), flush=True)
            else:
                captions.show(_with_texts(event.note))
            if event.note.kind == "ended":
                return 0
    return 0


async def _hangup(operator: Switchboard, args: argparse.Namespace) -> int:
    calls = args.calls or sorted(await operator.calls())
    return await _each(args, calls, lambda call: operator.order(call, CommandKind.HANG_UP), "hung up", "no live calls")


async def _drain(operator: Operator, args: argparse.Namespace) -> int:
    daemons = args.daemons or sorted(await operator.daemons())
    return await _each(args, daemons, operator.drain, "takes no more calls", "no live daemon")


async def _each(
    args: argparse.Namespace, ids: list[str], ask: Callable[[str], Awaitable[dict[str, Any]]], done: str, nobody: str
) -> int:
    """Sends the same command to each; returns 1 if one fails, or there is none."""
    if not ids:
        raise CommandFailed(nobody)
    results: dict[str, dict[str, Any]] = {}
    for id in ids:
        try:
            results[id] = await ask(id)
        except CommandFailed as error:
            results[id] = {"error": str(error)}
    if args.json:
        print(json.dumps(results, indent=2))
    else:
        for id, result in results.items():
            if "error" in result:
                print(f"phone-ops: {result['error']}", file=sys.stderr)
            else:
                print(f"{id}: {done}")
    return int(any("error" in result for result in results.values()))


def _as_json(event: Event) -> str:
    note = event.note
    told = {"at": event.at.isoformat(), "call": note.call, "kind": note.kind, "at_ns": note.at_ns, "data": note.data}
    return json.dumps(told, default=str)


def line_of(event: Event) -> str:
    """The caption of an event, after the end of its call's id (the first line of a call has the whole id); empty if it
    has no caption."""
    note = event.note
    if (caption := caption_of(_with_texts(note))) is None:
        return ""
    text = f"{caption.text}: {note.call}" if note.kind == "started" else caption.text
    return str(printable(f"{event.at:%H:%M:%S} {note.call[-4:]} {caption.who:>6}  {text}"))


def _with_texts(note: Note) -> Note:
    """The note, with a placeholder where texts are kept private."""
    return replace(note, data={**dict.fromkeys(TEXTS, PRIVATE), **note.data})


def add_parser(commands: Any) -> None:
    """Adds `calls`, `watch`, `hangup` and `drain` to the subparsers of `phone-ops`."""

    def add(name: str, act: Any, help: str, examples: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(
            name,
            help=help,
            description=help.capitalize() + ".",
            epilog=f"examples:\n{examples}",
        )
        add_config(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(run=lambda args: _run(act, args), api="")
        if act is not _drain:
            parser.add_argument("--api", metavar="URL", help="ask a web process instead of Redis; token in PHONE_TOKEN")
        return parser

    add("calls", _calls, "list live calls", "  phone-ops calls\n  phone-ops calls --json | jq -r '.[].call'")
    watch = add(
        "watch",
        _watch,
        "follow a live call as captions, or all calls line by line",
        "  phone-ops watch                  everything, until Ctrl-C\n"
        "  phone-ops watch CALL             one call, until it ends\n"
        "  phone-ops watch CALL --json      one line of JSON per event",
    )
    watch.add_argument("call", nargs="?", metavar="CALL", help="id of a live call")
    hangup = add("hangup", _hangup, "end live calls", "  phone-ops hangup CALL\n  phone-ops hangup --all")
    hangup.add_argument("calls", nargs="*", metavar="CALL", help="ids of live calls")
    hangup.add_argument("--all", action="store_true", help="every live call")
    drain = add(
        "drain",
        _drain,
        "take no more calls; exit when the live ones have ended",
        "  phone-ops drain                  every daemon\n  phone-ops drain 4711-1a2b3c      one of them",
    )
    drain.add_argument("daemons", nargs="*", metavar="DAEMON", help="ids of daemons (see phone-ops calls --json)")


def _run(act: Any, args: argparse.Namespace) -> int:
    if act is _hangup and bool(args.calls) == args.all:
        raise WrongUse("phone-ops hangup: name one or more calls (phone-ops calls lists them), or --all")
    return over_api(act, args) if args.api else operate(act, args)


def over_api(act: Callable[[Switchboard, argparse.Namespace], Awaitable[int]], args: argparse.Namespace) -> int:
    """Runs `operate` through the web process at `args.api`."""

    async def main() -> int:
        async with ApiOperator(args.api) as operator:
            return await act(operator, args)

    return _told(main())


def operate(act: Act, args: argparse.Namespace) -> int:
    """Runs a command on the daemons of `args.config`. Returns 0, or 1 if it failed. Raises `WrongUse`."""
    state = settings(args).state
    if state.url == "off":
        raise WrongUse('[state] url is "off": this daemon shares no state, so it cannot be asked for its calls')

    async def main() -> int:
        if not state.url and not socket_path(state.directory).exists():
            raise CommandFailed(
                f"no daemon has its state in {state.directory}; start one, or give its settings with -c FILE"
            )
        async with Operator(state) as operator:
            return await act(operator, args)

    return _told(main())


def _told(doing: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(doing)
    except CommandFailed as error:
        print(f"phone-ops: {error}", file=sys.stderr)
        return 1
