"""`phone-ops ab`: compare one recognition engine in every place where it can run.

In each place, recorded callers phone a daemon over SIP while its agent is interrupted again and again. Streams of the
same recordings then measure how soon partial transcripts arrive, and how many callers the engine can serve at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ops import sigterm
from ops.ab import arm, decision, table
from ops.ab.places import PLACES, CannotRun, Engine
from ops.ab.rule import RULE, SIDECAR, Measured, Outcome, judge
from ops.ab.stream import MOST
from ops.live.floor import floor
from ops.replay import fixture
from ops.replay.fixture import Fixture, FixtureError
from ops.report import tables
from ops.report.stats import quantiles
from ops.usage import WrongUse, about
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.engines import TAKES_PHRASES, engine_options
from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import SttSettings
from sidecars.environment import interpreter
from sidecars.options import add_options, options_of

TINY = Path(__file__).parent.parent.parent / "sidecars" / "parakeet" / "tiny.nemo"
"""The model that NeMo runs if no other is named."""
PLACES_BY_DEFAULT = ("listen", "subprocess", "inprocess", "per_call")
EXAMPLES = """\
examples:
  phone-ops ab                                          NeMo's small model if it is here, else moonshine
  phone-ops ab --engine moonshine --count 100
  phone-ops ab books_an_appointment --engine nemo --model my.nemo --option chunk_ms=160
  phone-ops ab --arms listen,listen_unix --json         only the two ways to the sidecar
  phone-ops ab --write ops/decisions                    write the table and the decision to a file
Exit codes: 0 the gate holds, 1 it does not or the sidecar cannot run, 2 usage error.
"""


@dataclass(slots=True)
class Comparison:
    """The results of a comparison."""

    engine: Engine
    floor_ms: float
    chunk_ms: float
    """The audio that the engine takes per step."""
    load: float
    """The machine's load average before the run (Linux: over a minute, in processes)."""
    places: dict[str, Measured] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Where it cannot run, and why."""

    @property
    def outcome(self) -> Outcome:
        return judge(self.places, self.floor_ms)

    def as_json(self) -> dict[str, object]:
        outcome = self.outcome
        return {
            "engine": self.engine.name,
            "options": dict(self.engine.options),
            "chunk_ms": round(self.chunk_ms, 1),
            "load": round(self.load, 2),
            "llm_cancel_floor_ms": round(self.floor_ms, 3),
            "places": {place: _as_json(measured) for place, measured in self.places.items()},
            "cannot_run": self.refused,
            "rule": RULE,
            "chosen": outcome.chosen,
            "against": dict(outcome.against),
            "gate": {
                "limit_ms": round(outcome.limit_ms, 3),
                "p95_ms": round(outcome.p95_ms, 3) if outcome.chosen else None,
                "passed": outcome.gate_held,
            },
            "outcome": outcome.sentence(),
        }


def _as_json(measured: Measured) -> dict[str, object]:
    return {
        "barge_ins": len(measured.legs_ms["total"]),
        "by_voice": measured.by_voice,
        "legs_ms": {leg: _figures(took) for leg, took in measured.legs_ms.items()},
        "missed": measured.missed,
        "stale_frames": measured.stale_frames,
        "partial_ms": _figures(measured.partial_ms) | {"count": len(measured.partial_ms)},
        "partial_streams": measured.partial_streams,
        "streams": measured.streams,
        "startup_s": round(measured.startup_s, 3),
        "rss_mb": round(measured.memory_mb, 1),
        "vram_mb": measured.vram_mb,
        "words_lost": measured.words_lost,
        "words": measured.words,
        "problems": list(measured.problems),
    }


def _figures(samples: Any) -> dict[str, float]:
    if not samples:
        return {}
    found = quantiles(samples)
    return {name: round(found[name], 3) for name in table.QUANTILES}


async def compare(
    engine: Engine, fixtures: list[Fixture], places: list[str], floor_ms: float, args: argparse.Namespace
) -> Comparison:
    """Measures all of `places`, one after the other. Raises `CannotRun` if the engine alone cannot run."""
    load = os.getloadavg()[0]
    columns = (
        TextColumn("{task.description:12}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} % {task.fields[what]}"),
        TimeElapsedColumn(),
    )
    with (
        tempfile.TemporaryDirectory(prefix="ab-") as folder,
        Progress(*columns, console=Console(stderr=True), disable=args.json, transient=True) as bars,
    ):
        bar = bars.add_task("alone", total=1.0, what=engine.name)
        alone = await arm.reference(engine, fixtures, Path(folder))
        bars.update(bar, completed=1.0)
        found = Comparison(engine, floor_ms, alone.chunk_ms, load)
        for place in places:
            bar = bars.add_task(place, total=1.0, what="")

            def told(part: float, what: str, bar: Any = bar) -> None:
                bars.update(bar, completed=part, what=what)

            try:
                found.places[place] = await arm.measure(
                    place,
                    engine,
                    fixtures,
                    alone,
                    count=args.count,
                    seconds=args.seconds,
                    most=args.most,
                    told=told,
                )
            except CannotRun as error:
                found.refused[place] = str(error)
            told(1.0, "cannot run" if place in found.refused else "")
    return found


def _engine(args: argparse.Namespace) -> Engine:
    """The engine named on the command line. Raises `WrongUse`."""
    here = TINY.is_file() and bool(interpreter("nemo"))
    name: str = args.engine or ("nemo" if here else SttSettings().engine)
    options = options_of(args)
    if name == "nemo" and TINY.is_file():
        options.setdefault("model", str(TINY))
    if (model := options.get("model")) and Path(str(model)).exists():
        options["model"] = str(Path(str(model)).absolute())  # the engine may run in another folder
    if not name.isidentifier():
        raise WrongUse(f"phone-ops ab: --engine {name}: not the name of an engine")
    told: Mapping[str, Any] = {}
    if name in TAKES_PHRASES:
        told = engine_options(SttSettings(engine=name), Dialplans.load(sorted(SHIPPED.glob("*.toml"))))
    return Engine(name, options, interpreter(name), told)


def _places(args: argparse.Namespace) -> list[str]:
    places = list(dict.fromkeys(filter(None, (each.strip() for each in args.arms.split(",")))))
    if unknown := [each for each in places if each not in PLACES]:
        raise WrongUse(f"phone-ops ab: --arms {', '.join(unknown)}: no such place; there are {', '.join(PLACES)}")
    if SIDECAR not in places:
        raise WrongUse(f"phone-ops ab: --arms must include {SIDECAR}, with which the others are compared")
    return places


def _fixtures(args: argparse.Namespace) -> list[Fixture]:
    """The named callers, or else every recorded caller who speaks. Raises `WrongUse`."""
    if args.all and args.fixtures:
        raise WrongUse("phone-ops ab: name fixtures, or say --all")
    try:
        if args.fixtures:
            return [fixture.load(folder) for folder in dict.fromkeys(fixture.find(name) for name in args.fixtures)]
        found = [fixture.load(folder) for folder in fixture.every()]
    except FixtureError as error:
        raise WrongUse(str(error)) from None
    return [each for each in found if any(cue.words for cue in each.cues)]


def add_parser(commands: Any) -> None:
    """Adds `ab` to the subparsers of `phone-ops`."""
    parser = commands.add_parser(
        "ab",
        help="compare one recognition engine in every place where it can run",
        description=about(__doc__),
        epilog="arms:\n" + "".join(f"  {name:12} {what}\n" for name, what in PLACES.items()) + f"\n{EXAMPLES}",
    )
    parser.add_argument("fixtures", nargs="*", metavar="FIXTURE", help="name or folder of a recorded caller")
    parser.add_argument("--all", action="store_true", help="use every recorded caller who speaks (the default)")
    parser.add_argument("--engine", metavar="NAME", help="recognition engine (default: see the examples)")
    add_options(parser)
    parser.add_argument("--count", type=int, default=100, metavar="N", help="number of barge-ins (default 100)")
    parser.add_argument(
        "--arms", default=",".join(PLACES_BY_DEFAULT), metavar="A,B", help=f"default {','.join(PLACES_BY_DEFAULT)}"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds to measure each number of streams (default 10)",
    )
    parser.add_argument(
        "--most", type=int, default=MOST, metavar="N", help=f"highest number of streams to try (default {MOST})"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", type=Path, metavar="DIR", help=f"write the decision to DIR/{decision.NAME}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Returns 0 if the gate holds, 1 if not. Raises `WrongUse`."""
    if args.count < 1 or args.most < 1 or args.seconds <= 0:
        raise WrongUse("phone-ops ab: --count and --most must be at least 1, --seconds above 0")
    places, fixtures, engine = _places(args), _fixtures(args), _engine(args)
    try:
        standing = load_settings(None, os.environ)
    except SettingsError as error:
        raise WrongUse(str(error)) from None

    async def main() -> Comparison:
        return await compare(engine, fixtures, places, (await floor(standing)).ms["p95"], args)

    try:
        found = sigterm.run(main())
    except CannotRun as error:
        print(f"phone-ops ab: {engine.name} cannot run: {error}", file=sys.stderr)
        return 1
    outcome = found.outcome
    if args.json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        show(found)
    if args.write is not None:
        _write(args, found)
    return 0 if outcome.gate_held else 1


def show(found: Comparison) -> None:
    """The result for people."""
    out, outcome = tables.console(), found.outcome
    out.print(f"{found.engine.name}, chunks of {found.chunk_ms:.0f} ms; load before: {found.load:.1f}\n", markup=False)
    if found.places:
        out.print(table.table(found.places))
    for note in table.notes(found.places, found.refused, outcome):
        out.print(note, style="dim", markup=False)
    out.print(f"\nrule: {RULE}", markup=False)
    out.print(f"\n{outcome.sentence()}", style="bold green" if outcome.gate_held else "bold red", markup=False)


def _write(args: argparse.Namespace, found: Comparison) -> None:
    engine, outcome = found.engine, found.outcome
    written = decision.section(
        engine=engine.name,
        about=f"load before {found.load:.1f}; weights {decision.weights(engine.options.get('model'))}; "
        f"chunks of {found.chunk_ms:.0f} ms",
        command=_command(args, engine),
        on=datetime.now(UTC).date(),
        table=table.markdown(found.places),
        notes=table.notes(found.places, found.refused, outcome),
        outcome=outcome.sentence(),
    )
    try:
        path = decision.write(args.write, engine.name, written)
    except OSError as error:
        raise WrongUse(f"phone-ops ab: --write {args.write}: {error.strerror}") from None
    print(f"written: {path}", file=sys.stderr)


def _command(args: argparse.Namespace, engine: Engine) -> str:
    """The command line that repeats this run."""
    words = ["phone-ops", "ab", *args.fixtures, "--engine", engine.name]
    for name, value in engine.options.items():
        words += ["--option", f"{name}={_short(value) if isinstance(value, str) else json.dumps(value)}"]
    words += ["--count", str(args.count), "--arms", args.arms]
    words += ["--seconds", f"{args.seconds:g}", "--most", str(args.most)]
    return shlex.join([*words, "--write", str(args.write)])


def _short(value: str) -> str:
    """The part of a path that is worth recording."""
    path = Path(value)
    if not path.is_absolute():
        return value
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name
