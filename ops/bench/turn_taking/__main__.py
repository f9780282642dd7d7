"""`make bench-turns` = `python -m ops.bench.turn_taking`: does the agent stop for words, and for nothing else?

Plays scenes (`make scenes`) to real calls on the sample clock, and prints the results: false and missed stops, how soon
the agent speaks softly and falls silent, how soon it resumes after a false alarm, and how long it waits at the end of
callers' turns, compared with a fixed wait. `--half tune` is for tuning; `held`, with other wordings and voices, is for
the final check. `python -m ops.bench.turn_taking.curve` tries other waits on the same turns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ops.bench.turn_taking import plot, tables
from ops.bench.turn_taking.measure import Outcome
from ops.bench.turn_taking.run import played
from ops.bench.turn_taking.scene import SCENES, NoScenes, load
from phone_daemon.cli.arguments import Parser

QUICK = 60
"""Scenes of a quick run: two to three minutes on one core."""


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every figure with a target meets it, 1 if one does not, 2 for wrong use."""
    parser = Parser("python -m ops.bench.turn_taking", description=__doc__)
    parser.add_argument("--half", choices=("tune", "held", "all"), default="held", help="which scenes (default held)")
    parser.add_argument("--only", action="append", metavar="KIND", default=[], help="one kind of scene (again: more)")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="use about N scenes, in the same proportions"
    )
    parser.add_argument("--quick", action="store_true", help=f"--sample {QUICK}")
    parser.add_argument("--scenes", type=Path, default=SCENES, metavar="DIR", help=f"where they are (default {SCENES})")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at once (default 2)")
    parser.add_argument("--each", action="store_true", help="also list each scene that failed")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the times (PNG or SVG; the extra `plot`)")
    parser.add_argument("--json", action="store_true", help="print JSON, every scene in it")
    args = parser.parse_args(argv)
    try:
        scenes = load(args.scenes, args.half, args.only, QUICK if args.quick else args.sample)
    except NoScenes as error:
        print(f"bench-turns: {error}", file=sys.stderr)
        return 2
    columns = (TextColumn("scenes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found: list[Outcome] = []
    with Progress(*columns, console=Console(stderr=True), disable=args.json) as progress:
        bar = progress.add_task("", total=len(scenes))
        for each in played(scenes, args.jobs):
            found.append(each)
            progress.advance(bar)
    found.sort(key=lambda each: each.id)
    if args.plot is not None:
        plot.draw(found, args.plot)
    figures = tables.figures(found)
    if args.json:
        told = {"figures": [each.as_json() for each in figures], "scenes": [each.as_json() for each in found]}
        print(json.dumps(told, indent=1))
    else:
        tables.show(found, figures, each=args.each)
    return 1 if any(figure.passed is False for figure in figures) or any(each.failed for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
