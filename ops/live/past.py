"""`phone-ops index | forget`: finds past calls through an index, and deletes them with everything known about them."""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from ops.usage import WrongUse, add_config, count, settings
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import blame, connect, where
from phone_daemon.state.store import EVENTS
from phone_daemon.web.call_store import CallStore

PAGE = 500


def add_parser(commands: Any) -> None:
    index = commands.add_parser(
        "index",
        help="rebuild the index of past calls from their folders",
        description="Rebuild calls.db from the folders under [calls] directory.",
    )
    forget = commands.add_parser(
        "forget",
        help="remove a person's calls: audio, transcripts, rows, events",
        description="Remove every call from or to NUMBER, and list what was removed. Exit code 1 if something is left.",
    )
    forget.add_argument("number", metavar="NUMBER", help="the caller's or the called number, in any form")
    for parser, run in ((index, _index), (forget, _forget)):
        add_config(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(run=run)


def _index(args: argparse.Namespace) -> int:
    store = CallStore(settings(args).calls.directory)
    try:
        calls = store.rebuild()
    except (OSError, sqlite3.Error) as error:
        print(f"phone-ops index: {store.directory}: {error}", file=sys.stderr)
        return 1
    finally:
        store.close()
    print(json.dumps({"calls": calls}) if args.json else f"{count(calls, 'call')} in {store.directory / 'calls.db'}")
    return 0


def _forget(args: argparse.Namespace) -> int:
    if not args.number.strip():
        raise WrongUse("phone-ops forget: name a number (see phone-ops forget --help)")
    found = settings(args)
    store = CallStore(found.calls.directory)
    try:
        calls = store.calls_of(args.number)
        removed, live = store.forget(args.number)
    except (OSError, sqlite3.Error) as error:
        print(f"phone-ops forget: {store.directory}: {error}; run it again", file=sys.stderr)
        return 1
    finally:
        store.close()
    events, problem = asyncio.run(_forget_events(found.state, set(calls) - set(live)))
    if args.json:
        print(json.dumps({**asdict(removed), "events": events, "still_live": live, "problem": problem}, indent=2))
    elif not calls:
        print(f"no call from or to {args.number}: nothing to remove")
    else:
        print(
            f"removed {count(removed.calls, 'call')}: {count(removed.recordings, 'recording')}, "
            f"{count(removed.turns, 'turn')} of transcript, {removed.bytes / 1e6:.1f} MB, {count(events, 'event')}"
        )
    for call in live:
        print(f"phone-ops forget: call {call} is live; hang up (phone-ops hangup {call}), then again", file=sys.stderr)
    if problem:
        print(f"phone-ops forget: events are left in {problem}", file=sys.stderr)
    return 1 if live or problem else 0


async def _forget_events(state: StateSettings, calls: Collection[str]) -> tuple[int, str]:
    """Deletes the events of `calls` from Redis. Returns how many, and why some may be left (empty if none are).

    An embedded Redis that is not running holds nothing.
    """
    if state.url == "off" or not calls:
        return 0, ""
    client = connect(state)
    removed, last = 0, "-"
    try:
        while True:
            entries: Any = await client.xrange(EVENTS, min=last, count=PAGE)
            theirs = [id for id, fields in entries if fields.get("call") in calls]
            if theirs:
                removed += await client.xdel(EVENTS, *theirs)
            if len(entries) < PAGE:
                return removed, ""
            last = f"({entries[-1][0]}"
    except Exception as error:
        return removed, f"{where(state)}: {blame(error)}" if state.url else ""
    finally:
        await client.aclose()
