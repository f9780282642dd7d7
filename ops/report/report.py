"""`phone-ops report`: statistics and verdicts from the files that calls wrote."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.report import plot, tables, turns_csv
from ops.report.stats import gate_ms, quantiles
from ops.report.tables import TurnLine
from ops.usage import WrongUse, count, settings

EXAMPLES = """\
examples:
  phone-ops report                           all calls under var/calls
  phone-ops report var/calls/2026*           some of them
  phone-ops report --json | jq .legs.total
  phone-ops report --csv turns.csv           one row per turn with every timestamp, for a spreadsheet
  phone-ops report --png waterfall.png       how the stages of a reply overlap, and how fast it stops
  phone-ops report var/calls/CALL --turn 3   one turn of a call
  LLM_CANCEL_FLOOR_S=0.12 phone-ops report   also check the gate: exit code 1 unless p95(total) <= floor + 0.4 s
"""


@dataclass(slots=True)
class Report:
    """The records of a set of calls. `calls` counts folders that contain a `turns.jsonl`."""

    calls: int = 0
    turns: list[TurnLine] = field(default_factory=list)
    unreadable: int = 0
    """Lines that are not turns, such as the last line of a call whose daemon was killed."""

    @property
    def missed(self) -> int:
        """Legs that missed their deadline."""
        return sum(len(barge_in["missed"]) for barge_in in tables.barge_ins(self.turns))

    def as_json(self, floor_ms: float | None) -> dict[str, Any]:
        """Times in ms, rounded to the microsecond; figures without measurements are absent."""
        latency = _all_quantiles(tables.latency_samples(self.turns))
        ttfa, ttfa_reply = latency.pop("ttfa", None), latency.pop("ttfa_reply", None)
        legs = _all_quantiles(tables.leg_samples(self.turns))
        gate = None
        if floor_ms is not None and "total" in legs:
            p95 = legs["total"]["p95"]
            limit = gate_ms(floor_ms)
            gate = {"limit_ms": round(limit, 3), "p95_ms": p95, "passed": p95 <= limit and not self.missed}
        return {
            "calls": self.calls,
            "turns": len(self.turns),
            "barge_ins": len(tables.barge_ins(self.turns)),
            "ttfa_ms": ttfa,
            "ttfa_reply_ms": ttfa_reply or ttfa,
            "stages_ms": latency,
            "detection_ms": _all_quantiles({"": tables.detection_samples(self.turns)}).get(""),
            "onset_to_silence_ms": _all_quantiles({"": tables.silence_samples(self.turns)}).get(""),
            "legs": legs,
            "missed": self.missed,
            "early_start": tables.early_starts(self.turns),
            "tools_ms": _all_quantiles(tables.tool_samples(self.turns)),
            "fillers": sum(bool(turn.get("filler")) for turn in self.turns),
            "underruns": sum(turn.get("underruns", 0) for turn in self.turns),
            "faults": sum(len(turn.get("faults", ())) for turn in self.turns),
            "unreadable_lines": self.unreadable,
            "llm_cancel_floor_ms": floor_ms,
            "gate": gate,
        }


def read(folders: Sequence[Path]) -> Report:
    """Reads call folders, or folders of call folders. Raises `WrongUse` if one does not exist."""
    report = Report()
    seen: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise WrongUse(f"{folder}: no such folder; name var/calls or the folder of a call")
        for path in [folder / "turns.jsonl", *sorted(folder.glob("*/turns.jsonl"))]:
            if path.is_file() and path.resolve() not in seen:
                seen.add(path.resolve())
                report.calls += 1
                _read_turns(path, report)
    return report


def _read_turns(path: Path, report: Report) -> None:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            turn = json.loads(line)
        except ValueError:
            turn = None
        if _is_turn(turn):
            report.turns.append(turn)
        else:
            report.unreadable += 1


def _is_turn(turn: object) -> bool:
    """Whether the row has what the tables read; a file edited by hand must not stop a report."""
    match turn:
        case {"turn": int(), "ttfa_ms": float() | int() | None, "stages_ms": dict(), "barge_in": None}:
            return True
        case {
            "turn": int(),
            "ttfa_ms": float() | int() | None,
            "stages_ms": dict(),
            "barge_in": {"source": str(), "legs_ms": dict(), "missed": list(), "detection_ms": float() | int() | None},
        }:
            return True
    return False


def _all_quantiles(samples: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {figure: round(value, 3) for figure, value in quantiles(values).items()}
        for name, values in samples.items()
        if values
    }


def add_parser(commands: Any) -> None:
    """Adds `report` to the subparsers of `phone-ops`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="summarize the calls in their folders: latencies, barge-ins, faults",
        description="Summarize the calls in their folders: latencies, barge-ins, faults.",
        epilog=EXAMPLES,
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR", help="folders of calls (default: var/calls)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--turn", type=int, metavar="N", help="only the N-th turn of each call (0: the greeting)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="one row per turn, for a spreadsheet")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the waterfall (needs the extra 'plot')")
    parser.set_defaults(run=run, config=None)


def run(args: argparse.Namespace) -> int:
    """Returns 0, or 1 if a floor is given and the gate does not hold."""
    floor_s = settings(args).llm_cancel_floor_s
    floor_ms = None if floor_s is None else floor_s * 1e3
    report = read(args.folders or [Path("var/calls")])
    if args.turn is not None:
        report.turns = [turn for turn in report.turns if turn["turn"] == args.turn]
    write(args, report)
    told = report.as_json(floor_ms)
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        show(report, told, floor_ms)
    return 1 if told["gate"] is not None and not told["gate"]["passed"] else 0


def write(args: argparse.Namespace, report: Report) -> None:
    """The requested output files. Raises `WrongUse` if one cannot be written."""
    title = f"Where the time goes, in the median: {count(report.calls, 'call')}, {count(len(report.turns), 'turn')}"
    title += "" if args.turn is None else f" (turn {args.turn})"
    try:
        if args.csv is not None:
            turns_csv.write(args.csv, report.turns)
        if args.png is not None:
            plot.draw(args.png, report.turns, title)
    except OSError as error:
        raise WrongUse(f"{error.filename}: {error.strerror}") from None


def show(report: Report, told: Mapping[str, Any], floor_ms: float | None) -> None:
    out = tables.console()
    if not report.calls:
        out.print("no calls: make some, or name the folder that holds them")
        return
    counted = (
        (report.calls, "call"),
        (told["turns"], "turn"),
        (told["barge_ins"], "interruption"),
        (told["fillers"], "filler"),
        (told["underruns"], "underrun"),
        (told["faults"], "fault"),
    )
    out.print(", ".join(count(number, noun) for number, noun in counted))
    early = told["early_start"]
    if early["kept"] or early["dropped"]:
        kept = f"{early['kept']} kept, {early['dropped']} dropped unheard"
        out.print(f"replies begun before the turn was over: {kept} ({count(early['wasted_tokens'], 'token')} wasted)")
    if report.unreadable:
        out.print(f"{report.unreadable} lines could not be read and were left out", style="yellow")
    out.print()
    out.print(tables.latency(report.turns))
    out.print()
    if told["tools_ms"]:
        out.print(tables.tools(report.turns))
        out.print()
    limit_ms = None if floor_ms is None else gate_ms(floor_ms)
    samples, detection = tables.leg_samples(report.turns), tables.detection_samples(report.turns)
    silence = tables.silence_samples(report.turns)
    shown = tables.legs(
        samples, floor_ms=floor_ms, limit_ms=limit_ms, detection=detection, silence=silence, missed=report.missed
    )
    out.print(shown)
