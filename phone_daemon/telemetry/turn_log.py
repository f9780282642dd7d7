"""`turns.jsonl`: one line per turn. Two replays on the sample clock differ only in `wall`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from phone_daemon.telemetry.turn_record import LEGS, STAMPS, Turn
from sidecars.log import Event

log = logging.getLogger(__name__)

STAGES = {
    "endpoint": "endpoint_wait",
    "stt_final": "stt_final",
    "llm_first_token": "llm_first_token",
    "first_phrase": "first_phrase",
    "tts_first_audio": "tts_first_audio",
    "rtp_first_audio": "rtp_first_audio",
}
"""Parts of the time to first audio, by the stamp that ends each."""

STREAMS = {
    "llm_stream": ("llm_first_token", "llm_end"),
    "tts_stream": ("tts_first_audio", "tts_end"),
    "playout": ("rtp_first_audio", "playout_end"),
}
"""Activities that last for a while, from their first output to their last, usually at the same time."""


def stages(turn: Turn) -> Iterator[tuple[str, int, int]]:
    """Each part of the turn's latency with its start and end in monotonic ns, in order, without gap or overlap.

    A stamp that lies before the one it should follow (a final that came before the endpoint) makes a part of length 0,
    so the parts of a spoken turn add up to its time to first audio. That also holds if a filler was heard first,
    because what came after it is not part of that time.
    """
    cursor = turn.at_ns.get("speech_end")
    heard = turn.at_ns.get("rtp_first_audio")
    for stamp, stage in STAGES.items():
        at = turn.at_ns.get(stamp)
        if at is None or (heard is not None and at > heard):
            continue
        if cursor is not None:
            yield stage, cursor, max(cursor, at)
        cursor = max(at, cursor if cursor is not None else at)


def turn_line(call: str, turn: Turn, origin_ns: int, wall: str) -> dict[str, Any]:
    """A turn in the format of the log. Times are in seconds of the call's recording (from `origin_ns`), durations in
    ms.

    `wall`: ISO 8601 UTC time of the turn's first moment.
    """

    def seconds(at_ns: int) -> float:
        return round((at_ns - origin_ns) / 1e9, 6)

    barge_in = None
    if (cancel := turn.cancel) is not None:
        legs = cancel.legs_ms()
        onset, silence = cancel.speech_onset_ns, cancel.onset_to_silence_ms()
        barge_in = {
            "source": str(cancel.source),
            "at": seconds(cancel.vad_trigger_ns),
            "detection_ms": None if onset is None else round((cancel.vad_trigger_ns - onset) / 1e6, 3),
            "onset_to_silence_ms": None if silence is None else round(silence, 3),
            "legs_ms": {leg: round(legs[leg], 3) for leg in (*LEGS, "total") if leg in legs},
            "missed": list(cancel.missed),
        }
    ttfa = turn.ttfa_ms()
    return {
        "call": call,
        "turn": turn.number,
        "reply": turn.reply,
        "caller": turn.caller,
        "dtmf": turn.dtmf,
        "remark": turn.remark,
        "remarks": list(turn.remarks),
        "ducks": [
            {
                "at": seconds(duck.at_ns),
                "onset_ms": round(duck.onset_ms, 3),
                "outcome": duck.outcome,
                "why": duck.why,
                "took_ms": round(duck.took_ms, 3),
            }
            for duck in turn.ducks
        ],
        "backchannels": [{"text": each.text, "at": seconds(each.at_ns)} for each in turn.backchannels],
        "partials": turn.partials,
        "endpoint": dict(turn.endpoint) or None,
        "intent": turn.intent,
        "slots": dict(turn.slots),
        "agent": turn.agent,
        "heard": turn.heard,
        "interrupted": cancel is not None,
        "barge_in": barge_in,
        "times": {stamp: seconds(turn.at_ns[stamp]) for stamp in STAMPS if stamp in turn.at_ns},
        "ttfa_ms": None if ttfa is None else round(ttfa, 3),
        "stages_ms": {stage: round((end - start) / 1e6, 3) for stage, start, end in stages(turn)},
        "early_start": {
            "kept": "early_start" in turn.at_ns,
            "dropped": turn.drafts,
            "wasted_tokens": turn.wasted_tokens,
        },
        "filler": turn.filler,
        "underruns": turn.underruns,
        "echo": dict(turn.echo) or None,
        "faults": list(turn.faults),
        "actions": list(turn.actions),
        "tools": [
            {
                "name": use.name,
                "outcome": use.outcome,
                "at": seconds(use.start_ns),
                "ms": round((use.end_ns - use.start_ns) / 1e6, 3),
            }
            for use in turn.tools
        ],
        "wall": {"started": wall},
    }


class JsonLines:
    """A file of JSON lines that only its owner can read. A full disk is logged once and costs only the lines.

    While it is open it holds a shared lock (`flock`), by which others see that its writer lives (`is_written`).
    """

    def __init__(self, path: Path | None) -> None:
        """Creates `path` anew, and its folder if needed; with None, keeps nothing."""
        self._path = path
        self._file: TextIO | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
        except OSError as error:
            log.error(Event("file.not_written", path=path, reason=error.strerror))
            return
        with contextlib.suppress(OSError):  # Not every file system has locks.
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def write(self, line: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            log.error(Event("file.cut_short", path=self._path, reason=error.strerror))
            self.close()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            # Every line was flushed, so an error now has already been reported then.
            with contextlib.suppress(OSError):
                file.close()


def is_written(path: Path) -> bool:
    """Whether a `JsonLines` has `path` open, in whichever process."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
