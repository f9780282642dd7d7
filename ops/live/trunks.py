"""phone-ops trunks: show the state of each trunk, and what its registrar said.

examples:
  phone-ops trunks
  phone-ops trunks --json | jq -r '.[] | select(.state != "registered") | .detail'

Exit code 1 if a trunk is unavailable: not registered, or, if it needs no registration, not reachable.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from ops.live.watch import Operator, operate
from ops.report import tables
from ops.usage import add_config
from phone_daemon.state.operator import CommandFailed
from phone_daemon.state.store import Command, CommandKind
from phone_daemon.wire.trunk import UP

COLUMNS = ("trunk", "state", "user", "registrar", "calls", "since", "detail")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Returns 0, or 1 if a trunk is unavailable or no daemon answers. Raises `WrongUse`."""
    return operate(_trunks, args)


async def _trunks(operator: Operator, args: argparse.Namespace) -> int:
    daemons = await operator.daemons()
    if not daemons:
        raise CommandFailed("no live daemon")
    found: list[dict[str, Any]] = []
    for daemon in daemons:
        answer = await operator.deliver(daemon, Command(CommandKind.TRUNKS))
        found += [{"daemon": daemon, **trunk} for trunk in answer["trunks"]]
    if args.json:
        print(json.dumps(found, indent=2))
    elif not found:
        tables.console().print("no trunks: anyone who reaches the line cards is answered")
    else:
        tables.console().print(_table(found))
    return int(any(trunk["state"] not in UP for trunk in found))


def _table(trunks: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column == "trunk")
    for trunk in trunks:
        calls = f"{trunk['calls']} of {trunk['max_calls']}" if trunk["max_calls"] else str(trunk["calls"])
        since = datetime.fromtimestamp(trunk["since"], UTC).astimezone().strftime("%b %d %H:%M:%S")
        shown = {**trunk, "calls": calls, "since": since}
        table.add_row(*(Text(str(shown[column])) for column in COLUMNS))
    return table
