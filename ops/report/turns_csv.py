"""Turns as a table for spreadsheets: one row per turn, figures only, no text that anybody said."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from phone_daemon.telemetry.turn_log import STAGES
from phone_daemon.telemetry.turn_record import LEGS, STAMPS

COLUMNS = (
    "call", "turn", "reply", "started", "dtmf", "partials",
    *(f"{stamp}_s" for stamp in STAMPS),
    *(f"{stage}_ms" for stage in STAGES.values()), "ttfa_ms",
    "early_start", "dropped_drafts", "wasted_tokens", "filler", "words_said", "words_heard",
    "tools", "tools_ms", "underruns", "faults",
    "interrupted_by", "interrupted_s", "detection_ms",
    "onset_to_silence_ms", *(f"cancel_{leg}_ms" for leg in (*LEGS, "total")), "missed_legs",
)  # fmt: skip
"""Stamps are seconds since the call was answered; empty if the event did not happen."""


def write(path: Path, turns: Iterable[Mapping[str, Any]]) -> None:
    """Writes lines of `turns.jsonl` to `path`. Raises `OSError`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(map(row, turns))


def row(turn: Mapping[str, Any]) -> dict[str, Any]:
    """The known values of a turn, by column."""
    times, early, barge_in = turn.get("times", {}), turn.get("early_start", {}), turn["barge_in"] or {}
    legs = barge_in.get("legs_ms", {})
    found = {
        "call": turn.get("call"),
        "turn": turn["turn"],
        "reply": turn.get("reply"),
        "started": turn.get("wall", {}).get("started"),
        "dtmf": _flag(turn.get("dtmf")),
        "partials": turn.get("partials"),
        **{f"{stamp}_s": times.get(stamp) for stamp in STAMPS},
        **{f"{stage}_ms": turn["stages_ms"].get(stage) for stage in STAGES.values()},
        "ttfa_ms": turn["ttfa_ms"],
        "early_start": _flag(early.get("kept")),
        "dropped_drafts": early.get("dropped"),
        "wasted_tokens": early.get("wasted_tokens"),
        "filler": _flag(turn.get("filler")),
        "words_said": len(str(turn.get("agent", "")).split()),
        "words_heard": len(str(turn.get("heard", "")).split()),
        "tools": len(turn.get("tools", ())),
        "tools_ms": sum(use["ms"] for use in turn.get("tools", ())),
        "underruns": turn.get("underruns"),
        "faults": len(turn.get("faults", ())),
        "interrupted_by": barge_in.get("source"),
        "interrupted_s": barge_in.get("at"),
        "detection_ms": barge_in.get("detection_ms"),
        "onset_to_silence_ms": barge_in.get("onset_to_silence_ms"),
        **{f"cancel_{leg}_ms": legs.get(leg) for leg in (*LEGS, "total")},
        "missed_legs": " ".join(barge_in.get("missed", ())),
    }
    return {column: found[column] for column in COLUMNS}


def _flag(value: object) -> int:
    return int(bool(value))
