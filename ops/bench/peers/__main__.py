"""`make bench-peers` = `python -m ops.bench.peers`: plays the turn-taking scenes to this daemon and to other
frameworks.

Pipecat and LiveKit Agents run in environments of their own (`make peers`), with their own pipelines, using our
recognizer, our voice, and the same scripted reply. All are called over the same line in real time, and one sink records
when each sample leaves. `docs/peers.md` says how each is set up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ops.bench.peers import tables
from ops.bench.peers.peers import NOT_RUN, PEERS, Peer, chosen
from ops.bench.peers.process import NotThere
from ops.bench.peers.run import Bench, subset
from ops.bench.peers.score import Outcome
from ops.bench.peers.servers import STT, TTS
from ops.bench.turn_taking.scene import SCENES, NoScenes, load
from phone_daemon.cli.arguments import Parser

COUNT = 12
"""Scenes per run: ten minutes for all, two calls at a time."""


def parser() -> argparse.ArgumentParser:
    parser = Parser("python -m ops.bench.peers", description=__doc__)
    names = ", ".join(peer.name for peer in PEERS)
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME",
        help=f"compare us with this one alone (may be given again): {names}",
    )
    parser.add_argument(
        "--scenes",
        type=int,
        default=COUNT,
        metavar="N",
        help=f"number of scenes, each of another kind if possible (default {COUNT})",
    )
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="one kind of scene (again: more)")
    parser.add_argument("--half", choices=("tune", "held", "all"), default="held", help="which scenes (default held)")
    parser.add_argument(
        "--folder", type=Path, default=SCENES, metavar="DIR", help=f"folder of scenes (default {SCENES})"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="simultaneous calls (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON, every scene in it")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="measure nothing; show the table for a file that --json printed"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Returns 0, or 2 for wrong use or a missing prerequisite."""
    args = parser().parse_args(argv)
    try:
        told = read(args.show) if args.show is not None else measure(args)
    except (NoScenes, NotThere) as error:
        print(f"bench-peers: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(told, indent=1))
    else:
        tables.show(_found(told), told["notes"])
    return 0


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """All results of a run, in the form in which they are written. Raises `NoScenes` and `NotThere`."""
    if args.scenes < 1 or args.jobs < 1:
        raise NotThere("--scenes and --jobs: at least 1")
    peers = chosen(args.peer)
    scenes = subset(load(args.folder, args.half, args.only), args.scenes)
    busy = os.getloadavg()[0]
    columns = (TextColumn("calls"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(peers) * (len(scenes) + 1))
        found = asyncio.run(Bench(scenes, args.jobs, lambda: progress.advance(bar)).played(peers))
    notes = [
        f"{len(scenes)} scenes each, {args.half}; {STT} and {TTS} behind everybody; less is better.",
        f"{os.cpu_count()} cores, {args.jobs} calls at once; load {busy:.1f}, then {os.getloadavg()[0]:.1f}.",
        *(f"{peer.name}: {peer.settings}." for peer in peers),
        *(f"Not run: {each}" for each in _not_run(peers)),
    ]
    return {"notes": notes, "scenes": {name: [each.as_json() for each in outcomes] for name, outcomes in found.items()}}


def _not_run(peers: Sequence[Peer]) -> list[str]:
    names = {peer.folder for peer in peers}
    return [each for each in NOT_RUN if each.partition("'")[0].lower() in names]


def read(path: Path) -> dict[str, Any]:
    """The result of `measure`. Raises `NotThere` with one line."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _found(told), list(told["notes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotThere(f"{path}: not what --json printed ({error})") from None
    return told


def _found(told: dict[str, Any]) -> dict[str, list[Outcome]]:
    return {name: [Outcome(**one) for one in outcomes] for name, outcomes in told["scenes"].items()}


if __name__ == "__main__":
    sys.exit(main())
