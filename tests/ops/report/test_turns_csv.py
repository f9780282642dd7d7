from __future__ import annotations

import csv
from pathlib import Path

from ops.report.turns_csv import COLUMNS, row, write
from phone_daemon.telemetry.turn_record import LEGS, STAMPS
from tests.ops.turns import acknowledged, interrupted, spoken


def test_every_stamp_and_every_leg_has_a_column() -> None:
    assert {f"{stamp}_s" for stamp in STAMPS} <= set(COLUMNS)
    assert {f"cancel_{leg}_ms" for leg in LEGS} <= set(COLUMNS)
    assert len(COLUMNS) == len(set(COLUMNS))
    assert tuple(row(spoken(1))) == COLUMNS


def test_a_turn_is_told_in_figures() -> None:
    told = row(acknowledged(2, 715, 1900))
    assert (told["speech_onset_s"], told["early_start_s"], told["playout_end_s"]) == (1.0, 2.1, 9.0)
    assert (told["endpoint_wait_ms"], told["ttfa_ms"]) == (500.0, 715.0)
    assert (told["early_start"], told["dropped_drafts"], told["wasted_tokens"], told["filler"]) == (1, 1, 5, 1)
    assert (told["words_said"], told["words_heard"]) == (1, 3)
    assert told["interrupted_by"] is None


def test_an_interruption_is_told_by_its_legs() -> None:
    told = row(interrupted(1, total_ms=60, missed="stt_closed"))
    assert (told["interrupted_by"], told["detection_ms"], told["cancel_total_ms"]) == ("speech", 100.0, 60.0)
    assert (told["missed_legs"], told["cancel_stt_closed_ms"], told["faults"]) == ("stt_closed", None, 1)


def test_nothing_that_anybody_said_is_in_it(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", [spoken(1), acknowledged(2, 715, 1900), interrupted(3)])
    text = (tmp_path / "t.csv").read_text()
    assert not any(word in text for word in ("yes", "please", "Gladly", "moment"))
    assert len(list(csv.reader(text.splitlines()))) == 4


def test_a_turn_of_an_older_log_leaves_what_it_does_not_know_empty() -> None:
    old: dict[str, object] = {"turn": 1, "ttfa_ms": None, "stages_ms": {}, "barge_in": None}
    told = row(old)
    assert told["early_start_s"] is None
    assert told["words_said"] == 0
