"""Cut-offs against waits: the same pauses of the same turns, ended by each way of endpointing.

python -m ops.bench.turn_taking.curve [--plot FILE]    # after make scenes; after make smart_turn, also tries that

Shows how often a turn is ended too early against how long the wait is when it really is over: for fixed waits, for
ours, and for ours with other longest waits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ops.bench.turn_taking.pauses import Decide, Heard, Listener, Waited, waited
from ops.bench.turn_taking.scene import SCENES, NoScenes, load
from ops.bench.turn_taking.smart_turn import SmartTurn, alone, fused
from ops.bench.turn_taking.tables import ANSWERS, GROUPED, TURNS
from ops.report import tables
from phone_daemon.cli.arguments import Parser
from phone_daemon.settings.settings import TurnSettings, VadSettings
from phone_daemon.stt.endpointing import Endpoint, Evidence, decide

FIXED_S = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
LONGEST_S = (0.8, 1.2, 1.6, 2.0, 2.5, 3.0)
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Point:
    """The result of one way of endpointing."""

    way: str
    cut_off: float
    """Share of the turns."""
    mean_s: float
    p90_s: float
    turns: int


def point(way: str, found: Sequence[Waited]) -> Point:
    waits = sorted(each.wait_s for each in found)
    cut_off = sum(each.cut_off for each in found) / len(found)
    return Point(way, cut_off, sum(waits) / len(waits), waits[min(len(waits) - 1, int(0.9 * len(waits)))], len(waits))


def points(heard: Sequence[Heard], smart_turn: SmartTurn | None) -> list[Point]:
    ways: list[tuple[str, Decide]] = [(f"fixed {wait_s:g} s", partial(_fixed, wait_s)) for wait_s in FIXED_S]
    ways += [(f"ours, at most {longest_s:g} s", partial(_ours, longest_s)) for longest_s in LONGEST_S]
    ways.append((OURS, lambda evidence: decide(evidence, TurnSettings(), VadSettings())))
    found = [point(name, [waited(one, way) for one in heard]) for name, way in ways]
    if smart_turn is not None:
        judged = [smart_turn.judged(one) for one in heard]
        found.append(point("smart turn alone", [_judged(*pair, False) for pair in zip(heard, judged, strict=True)]))
        found.append(point("ours and smart turn", [_judged(*pair, True) for pair in zip(heard, judged, strict=True)]))
    return found


def _fixed(wait_s: float, _: Evidence) -> Endpoint:
    return Endpoint(wait_s, "fixed")


def _ours(longest_s: float, evidence: Evidence) -> Endpoint:
    return decide(evidence, TurnSettings(max_wait_s=longest_s), VadSettings())


def _judged(heard: Heard, judged: dict[int, float], both: bool) -> Waited:
    """`decide` is called once for each tick, in order."""
    in_order = iter(heard.pauses)

    def way(evidence: Evidence) -> Endpoint:
        likely = judged.get(next(in_order)[0])
        return fused(evidence, likely) if both else alone(likely)

    return waited(heard, way)


def draw(found: Sequence[Point], path: Path) -> None:
    """PNG or SVG: cut-offs over the mean wait. Raises `ImportError` without matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for start, label in (("fixed", "a fixed wait"), ("ours, at most", "ours, by its longest wait")):
        line = [each for each in found if each.way.startswith(start)]
        axes.plot([1000 * each.mean_s for each in line], [100 * each.cut_off for each in line], "o-", label=label)
    for each in found:
        if each.way in (OURS, "smart turn alone", "ours and smart turn"):
            axes.plot([1000 * each.mean_s], [100 * each.cut_off], "*", markersize=13, label=each.way)
    axes.set(xlabel="mean wait at the end of a turn, ms", ylabel="turns cut off, %", ylim=(0, None))
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path)


def main(argv: list[str] | None = None) -> int:
    parser = Parser("python -m ops.bench.turn_taking.curve", description=__doc__)
    parser.add_argument("--half", choices=("tune", "held", "all"), default="held", help="which scenes (default held)")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="use about N turns, in the same proportions")
    parser.add_argument("--asked", action="store_true", help="numbers, names and yes or no, in place of open turns")
    parser.add_argument("--scenes", type=Path, default=SCENES, metavar="DIR", help=f"where they are (default {SCENES})")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it (PNG or SVG; pip install '.[plot]')")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    try:
        scenes = load(args.scenes, args.half, (*GROUPED, *ANSWERS) if args.asked else TURNS, args.sample)
    except NoScenes as error:
        print(f"bench-turns: {error}", file=sys.stderr)
        return 2
    listener = Listener()
    heard = [listener.hear(scene) for scene in track(scenes, "turns", console=Console(stderr=True), disable=args.json)]
    try:
        with SmartTurn() as smart_turn:
            found = points(heard, smart_turn)
    except FileNotFoundError as error:
        print(f"bench-turns: {error}; left out", file=sys.stderr)
        found = points(heard, None)
    if args.plot is not None:
        draw(found, args.plot)
    if args.json:
        names = ("way", "cut_off", "mean_s", "p90_s", "turns")
        print(json.dumps([{name: getattr(each, name) for name in names} for each in found], indent=1))
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("endpointing", "cut off", "mean wait", "p90 wait"):
        table.add_column(column, justify="left" if column == "endpointing" else "right")
    for each in found:
        waits = f"{1000 * each.mean_s:.0f} ms", f"{1000 * each.p90_s:.0f} ms"
        table.add_row(each.way, f"{100 * each.cut_off:.1f} %", *waits)
    tables.console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
