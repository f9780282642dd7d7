"""make chaos: breaks everything that can break, one thing at a time, on loopback, and prints a table of the
outcomes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops import sigterm
from ops.chaos import clock, disk, flood, killed, network
from ops.chaos.fault import Fault, Seen
from ops.chaos.size import FULL, SMALL, Size
from ops.chaos.world import World, world
from ops.edge.plan import EdgeError
from ops.live.daemon_process import DaemonFailed
from phone_daemon.cli.arguments import Parser

FAULTS = (*network.FAULTS, *killed.FAULTS, *disk.FAULTS, *clock.FAULTS, *flood.FAULTS)


async def run(faults: list[Fault], console: Console, size: Size = SMALL) -> list[tuple[Fault, Seen]]:
    """Tries each fault in turn, in one world; a world that does not recover is replaced."""
    found: list[tuple[Fault, Seen]] = []
    waiting = list(faults)
    while waiting:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            async with world(Path(folder)) as made:
                made.size = size
                while waiting:
                    fault = waiting.pop(0)
                    seen = await _one(fault, made)
                    found.append((fault, seen))
                    console.print(f"{fault.name}: {'held' if seen.held else 'FAILED'}: {seen.what}", highlight=False)
                    if not await made.healthy():
                        break
    return found


async def _one(fault: Fault, made: World) -> Seen:
    try:
        async with asyncio.timeout(made.size.longest_s):
            return await fault.run(made)
    except TimeoutError as error:
        return Seen(False, f"did not end in time: {error or 'nothing came'}")
    except Exception as error:
        return Seen(False, f"{type(error).__name__}: {error}")


def show(found: list[tuple[Fault, Seen]], console: Console) -> None:
    table = Table("fault", "what must", "what was seen", "", box=None, pad_edge=False)
    for fault, seen in found:
        table.add_row(fault.name, fault.must, seen.what, "held" if seen.held else "FAILED")
    console.print(table)


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if everything held, 1 if something did not, 2 if it cannot run here."""
    parser = Parser(prog="make chaos", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", nargs="+", metavar="FAULT", choices=names, help=", ".join(names))
    full = (
        f"{FULL.flood_s:g} s of INVITEs, {FULL.edge_mutants:,} malformed messages through the edge and "
        f"{FULL.card_mutants:,} past it, {FULL.injected:,} forged RTP packets"
    )
    parser.add_argument("--full", action="store_true", help=f"{full}: half an hour")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    chosen = [fault for fault in FAULTS if not args.only or fault.name in args.only]
    try:
        found = sigterm.run(run(chosen, Console(stderr=True), FULL if args.full else SMALL))
    except (EdgeError, DaemonFailed, TimeoutError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(
            json.dumps([{"fault": fault.name, "must": fault.must, **asdict(seen)} for fault, seen in found], indent=2)
        )
    else:
        show(found, Console(highlight=False))
    return int(not all(seen.held for _, seen in found))


if __name__ == "__main__":
    sys.exit(main())
