"""The report on folders that calls left."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main
from tests.ops.turns import acknowledged, interrupted, leave, spoken


@pytest.fixture(autouse=True)
def no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM_CANCEL_FLOOR_S", raising=False)


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Two calls: five turns, two of them interrupted."""
    leave(tmp_path / "calls" / "a", [spoken(0, 600), interrupted(1, total_ms=60), spoken(2, 700)])
    leave(tmp_path / "calls" / "b", [spoken(0, 800), interrupted(1, total_ms=120, source="command")])
    return tmp_path / "calls"


def report(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    code = main(["report", "--json", *map(str, words)])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


def test_calls_turns_and_interruptions_are_counted(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = report(capsys, calls)
    assert code == 0
    assert (told["calls"], told["turns"], told["barge_ins"]) == (2, 5, 2)
    assert (told["underruns"], told["faults"], told["missed"], told["gate"]) == (4, 2, 0, None)
    assert told["ttfa_ms"] == {"p50": 700, "p90": 800, "p95": 800, "p99": 800, "max": 800}
    assert told["stages_ms"]["stt_final"]["max"] == 50
    assert told["legs"]["total"] == {"p50": 60, "p90": 120, "p95": 120, "p99": 120, "max": 120}
    assert told["detection_ms"]["max"] == 100


def test_a_call_named_twice_counts_once(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(capsys, calls, calls / "a", calls / "a")[1]["calls"] == 2
    assert report(capsys, calls / "a")[1]["calls"] == 1


@pytest.mark.parametrize(("floor_s", "code"), [("0.1", 0), ("0", 0)])
def test_the_gate_is_the_floor_and_400_ms(
    calls: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, floor_s: str, code: int
) -> None:
    monkeypatch.setenv("LLM_CANCEL_FLOOR_S", floor_s)
    found, told = report(capsys, calls)
    assert found == code
    assert told["gate"] == {"limit_ms": float(floor_s) * 1e3 + 400, "p95_ms": 120, "passed": True}


def test_a_gate_that_does_not_hold_fails_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_CANCEL_FLOOR_S", "0.01")
    slow = leave(tmp_path / "slow", [interrupted(1, total_ms=411)])
    missed = leave(tmp_path / "missed", [interrupted(1, missed="stt_closed")])
    assert [report(capsys, folder)[0] for folder in (slow, missed)] == [1, 1]


def test_lines_that_are_no_turns_are_left_out_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path, [spoken(1)])
    with (tmp_path / "turns.jsonl").open("ab") as file:
        file.write(b'[]\n{"turn": 2}\n\xff\xfe\n{"turn": 3, "ttfa_ms": 5')
    _, told = report(capsys, tmp_path)
    assert (told["turns"], told["unreadable_lines"]) == (1, 4)


def test_a_person_gets_tables_without_colors_in_a_pipe(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(calls)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 calls, 5 turns, 2 interruptions, 0 fillers, 4 underruns, 2 faults\n")
    assert "listen_entered" in told
    assert "ttfa" in told
    assert "\x1b" not in told


def test_an_empty_folder_is_an_empty_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = report(capsys, tmp_path)
    assert (code, told["calls"], told["ttfa_ms"], told["legs"]) == (0, 0, None, {})


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "gone")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"{tmp_path}/gone: no such folder; name var/calls or the folder of a call\n"


def test_early_starts_and_fillers_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path, [spoken(1, 600), acknowledged(2, 715, 1900)])
    _, told = report(capsys, tmp_path)
    assert told["early_start"] == {"kept": 1, "dropped": 1, "wasted_tokens": 5}
    assert (told["fillers"], told["ttfa_ms"]["max"], told["ttfa_reply_ms"]["max"]) == (1, 715, 1900)
    assert main(["report", str(tmp_path)]) == 0
    assert "1 kept, 1 dropped unheard (5 tokens wasted)" in capsys.readouterr().out


def test_one_turn_can_be_picked(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = report(capsys, calls, "--turn", "0")
    assert (told["turns"], told["barge_ins"], told["ttfa_ms"]["max"]) == (2, 0, 800)


def test_a_spreadsheet_gets_a_line_a_turn(calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "turns.csv"
    report(capsys, calls, "--csv", file)
    with file.open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["turn"] for row in rows] == ["0", "1", "2", "0", "1"]
    assert rows[0]["speech_end_s"] == "2.0"
    assert rows[0]["ttfa_ms"] == "600.0"


@pytest.mark.long
def test_a_picture_is_drawn(calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(capsys, calls, "--png", tmp_path / "w.png")
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("option", ["--csv", "--png"])
def test_a_file_that_cannot_be_written_is_wrong_use(
    calls: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["report", str(calls), option, "/nowhere/w.png"]) == 2
    assert capsys.readouterr().err == "/nowhere/w.png: No such file or directory\n"


def test_without_the_extra_a_picture_is_refused_with_the_command_that_installs_it(
    calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", str(calls), "--png", str(tmp_path / "w.png")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "pip install -e '.[plot]'" in told
    assert main(["report", str(calls)]) == 0
