"""Turns with round figures, in the daemon's log format, for tests of what is derived from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phone_daemon.telemetry.turn_log import JsonLines, turn_line
from phone_daemon.telemetry.turn_record import LEGS, BargeInSource, CancelReport, Turn

MS = 1_000_000


def spoken(number: int, ttfa_ms: int = 620) -> dict[str, Any]:
    """A turn that was answered after `ttfa_ms`, of which 500 were spent waiting for the end of the turn."""
    at = {
        "speech_onset": 1000,
        "speech_end": 2000,
        "endpoint": 2500,
        "stt_final": 2550,
        "rtp_first_audio": 2000 + ttfa_ms,
    }
    turn = Turn(number, number, "yes please", agent="Gladly.", at_ns={stamp: ms * MS for stamp, ms in at.items()})
    return turn_line("c1", turn, 0, "")


def acknowledged(number: int, filler_ms: int, reply_ms: int) -> dict[str, Any]:
    """A turn whose reply was begun early, after another was dropped, and was still late: a filler came first."""
    at = {
        "speech_onset": 1000,
        "speech_end": 2000,
        "early_start": 2100,
        "endpoint": 2500,
        "stt_final": 2550,
        "llm_first_token": 2900,
        "filler": 2700,
        "rtp_first_audio": 2000 + filler_ms,
        "first_phrase": 3400,
        "tts_first_audio": 3500,
        "reply_first_audio": 2000 + reply_ms,
        "llm_end": 4000,
        "tts_end": 4500,
        "playout_end": 9000,
    }
    turn = Turn(number, number, "yes", agent="Gladly.", heard="One moment. Gladly.", filler="One moment.")
    turn.drafts, turn.wasted_tokens, turn.at_ns = 1, 5, {stamp: ms * MS for stamp, ms in at.items()}
    return turn_line("c1", turn, 0, "2026-03-03T12:00:00+00:00")


def interrupted(number: int, total_ms: int = 30, missed: str = "", source: str = "speech") -> dict[str, Any]:
    """A turn whose reply was interrupted; its legs end evenly spaced up to `total_ms`."""
    legs = {leg: (5000 * MS + total_ms * MS * (n + 1) // 6) for n, leg in enumerate(LEGS) if leg != missed}
    onset = 4900 * MS if source == "speech" else None
    cancel = CancelReport(BargeInSource(source), number, 5000 * MS, onset, legs, (missed,) if missed else ())
    turn = Turn(number, number, "yes please", cancel=cancel, faults=["stt: late"], underruns=2)
    return turn_line("c1", turn, 0, "")


def leave(folder: Path, turns: list[dict[str, Any]]) -> Path:
    """Writes them where a call would."""
    lines = JsonLines(folder / "turns.jsonl")
    for turn in turns:
        lines.write(turn)
    lines.close()
    return folder
