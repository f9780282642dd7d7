"""A call for the tests of telemetry: its turn, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phone_daemon.clock import run_counted
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.telemetry.turn_record import LEGS, BargeInSource, CancelReport, Turn

MS = 1_000_000
ANSWERED = 7_000 * MS
TURN = Turn(
    number=1,
    reply=2,
    caller="my name is Smith",
    intent="message",
    slots={"name": "Smith"},
    agent="Thank you, Smith. Anything else?",
    heard="Thank you,",
    underruns=1,
    at_ns={
        stamp: ANSWERED + ms * MS
        for stamp, ms in {
            "speech_onset": 1000,
            "speech_end": 2000,
            "endpoint": 2500,
            "stt_final": 2550,
            "llm_first_token": 2560,
            "first_phrase": 2570,
            "tts_first_audio": 2600,
            "rtp_first_audio": 2620,
        }.items()
    },
    cancel=CancelReport(
        BargeInSource.SPEECH,
        2,
        ANSWERED + 3000 * MS,
        ANSWERED + 2900 * MS,
        {leg: ANSWERED + (3000 + 3 * index) * MS for index, leg in enumerate(LEGS) if leg != "llm_closed"},
        ("llm_closed",),
    ),
)


def one_call(telemetry: Telemetry, directory: Path | None, turns: tuple[Turn, ...] = (TURN,)) -> None:
    """A call on the sample clock, from answer to end."""

    async def main() -> None:
        call = telemetry.call("c1", "5550100", "100", "dental", directory, ANSWERED)
        for turn in turns:
            call.turn(turn)
        call.end("caller_hung_up", ANSWERED + 4000 * MS)

    run_counted(main())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
