"""The line that a turn writes: its shape, its sums, and a full disk."""

from __future__ import annotations

import json
import stat
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.telemetry.turn_log import STAGES, JsonLines, stages, turn_line
from phone_daemon.telemetry.turn_record import STAMPS, Backchannel, BargeInSource, CancelReport, Duck, Turn

S = 1_000_000_000
ANSWERED = 1_000 * S


def at(seconds: float) -> int:
    return ANSWERED + round(seconds * S)


SPOKEN = {
    "speech_onset": at(1.0),
    "speech_end": at(2.0),
    "endpoint": at(2.5),
    "stt_final": at(2.55),
    "llm_first_token": at(2.56),
    "first_phrase": at(2.57),
    "tts_first_audio": at(2.6),
    "rtp_first_audio": at(2.62),
    "playout_end": at(5.0),
}


def test_a_spoken_turn_is_told_in_seconds_of_the_call_and_ms_of_latency() -> None:
    turn = Turn(
        2, 3, "book me in", partials=4, intent="book", slots={"day": "monday"}, agent="Sure. When?", heard="Sure."
    )
    turn.at_ns.update(SPOKEN)
    turn.backchannels.append(Backchannel("Um-hum.", at(0.5)))
    turn.ducks.append(Duck(at(3.0), 112.0, "restored", "remark", 360.0))
    assert turn_line("c1", turn, ANSWERED, "2026-03-03T12:00:00+00:00") == {
        "call": "c1",
        "turn": 2,
        "reply": 3,
        "caller": "book me in",
        "dtmf": False,
        "remark": "",
        "remarks": [],
        "ducks": [{"at": 3.0, "onset_ms": 112.0, "outcome": "restored", "why": "remark", "took_ms": 360.0}],
        "backchannels": [{"text": "Um-hum.", "at": 0.5}],
        "partials": 4,
        "endpoint": None,
        "echo": None,
        "intent": "book",
        "slots": {"day": "monday"},
        "agent": "Sure. When?",
        "heard": "Sure.",
        "interrupted": False,
        "barge_in": None,
        "times": {
            "speech_onset": 1.0,
            "speech_end": 2.0,
            "endpoint": 2.5,
            "stt_final": 2.55,
            "llm_first_token": 2.56,
            "first_phrase": 2.57,
            "tts_first_audio": 2.6,
            "rtp_first_audio": 2.62,
            "playout_end": 5.0,
        },
        "ttfa_ms": 620.0,
        "stages_ms": {
            "endpoint_wait": 500.0,
            "stt_final": 50.0,
            "llm_first_token": 10.0,
            "first_phrase": 10.0,
            "tts_first_audio": 30.0,
            "rtp_first_audio": 20.0,
        },
        "early_start": {"kept": False, "dropped": 0, "wasted_tokens": 0},
        "filler": "",
        "underruns": 0,
        "faults": [],
        "actions": [],
        "tools": [],
        "wall": {"started": "2026-03-03T12:00:00+00:00"},
    }


def test_a_barge_in_is_told_with_its_legs_and_how_long_it_took_to_notice() -> None:
    cancel = CancelReport(
        BargeInSource.SPEECH, 1, at(4.0), at(3.9), {"llm_closed": at(4.001), "rtp_silent": at(4.02)}, ("stt_closed",)
    )
    line = turn_line("c1", Turn(1, 1, cancel=cancel), ANSWERED, "")
    assert line["interrupted"]
    assert line["barge_in"] == {
        "source": "speech",
        "at": 4.0,
        "detection_ms": 100.0,
        "onset_to_silence_ms": 120.0,
        "legs_ms": {"rtp_silent": 20.0, "llm_closed": 1.0, "total": 20.0},
        "missed": ["stt_closed"],
    }


def test_a_key_that_interrupts_has_no_detection_time() -> None:
    cancel = CancelReport(BargeInSource.DTMF, 1, at(4.0), None, {"rtp_silent": at(4.02)})
    told = turn_line("c1", Turn(1, 1, cancel=cancel), ANSWERED, "")["barge_in"]
    assert told["detection_ms"] is told["onset_to_silence_ms"] is None


def test_the_greeting_has_no_latency_because_nobody_waited_for_it() -> None:
    turn = Turn(0, 1, at_ns={"llm_first_token": at(0.1), "rtp_first_audio": at(0.3)})
    line = turn_line("c1", turn, ANSWERED, "")
    assert (line["ttfa_ms"], line["stages_ms"]) == (None, {"rtp_first_audio": 200.0})


@given(st.dictionaries(st.sampled_from(STAMPS), st.integers(0, 10**12)))
def test_parts_neither_overlap_nor_leave_gaps(stamps: dict[str, int]) -> None:
    turn = Turn(1, at_ns=stamps)
    parts = list(stages(turn))
    assert all(start <= end for _, start, end in parts)
    assert all(before[2] == after[1] for before, after in pairwise(parts))
    if "speech_end" in stamps and parts:
        heard = stamps.get("rtp_first_audio", 10**12)  # If a filler was heard first, the reply comes after it.
        in_time = (stamps[stamp] for stamp in STAGES if stamp in stamps and stamps[stamp] <= heard)
        last = max([stamps["speech_end"], *in_time])
        assert sum(end - start for _, start, end in parts) == last - stamps["speech_end"]


def test_only_the_owner_can_read_it_and_a_new_call_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "c1" / "turns.jsonl"
    for _ in range(2):
        lines = JsonLines(path)
        lines.write({"text": "grüezi"})
        lines.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"text": "grüezi"}]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_line_is_on_disk_before_the_call_goes_on(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "turns.jsonl")
    lines.write({"turn": 0})
    assert (tmp_path / "turns.jsonl").read_text() == '{"turn": 0}\n'
    lines.close()
    lines.close()
    lines.write({"turn": 1})


def test_a_full_disk_is_said_once_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    lines = JsonLines(Path("/dev/full"))
    for number in range(3):
        lines.write({"turn": number})
    lines.close()
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text


def test_a_folder_that_cannot_be_made_is_said_and_raises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    JsonLines(tmp_path / "file" / "turns.jsonl").write({})
    assert len(caplog.records) == 1
