"""`phone-ops replay`: what it plays, what it prints, and how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main

HURRIED = """
description = "Presses 3 in the greeting, hears a little of the answer, and hangs up."
called = "reception"
dialplan = "dental_clinic"
[[cue]]
at = "agent_speaking + 1.0 s"
press = "3"
[[cue]]
at = "said + 1.5 s"
hang_up = true
[expect]
intents = ["{intent}"]
agent_said = ["half past eight"]
barge_ins = 1
ended = "caller_hung_up"
"""


def recorded(folder: Path, intent: str = "hours") -> str:
    folder.mkdir()
    (folder / "call.toml").write_text(HURRIED.format(intent=intent), encoding="utf-8")
    return str(folder)


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["replay", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("speed", ["real", pytest.param("max", marks=pytest.mark.long)])
def test_fixtures_are_judged_each_by_its_own_call(
    speed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [recorded(tmp_path / "as_expected"), recorded(tmp_path / "other_intent", "book")]
    code, told = replayed(capsys, "--speed", speed, "--directory", str(tmp_path / "var"), *calls)
    assert code == 1
    assert not told["passed"]
    held, failed = told["fixtures"]
    assert (held["fixture"], held["passed"], held["failures"]) == ("as_expected", True, [])
    assert (failed["fixture"], failed["passed"]) == ("other_intent", False)
    assert failed["failures"] == ["intents: book was not reached in its place; reached: hours"]
    for verdict in held, failed:
        turns = [json.loads(line) for line in (Path(verdict["folder"]) / "turns.jsonl").read_text().splitlines()]
        assert len(turns) == verdict["turns"] == 2
        assert verdict["barge_ins"] == 1
        assert turns[1]["caller"] == "3"


@pytest.mark.long
def test_the_table_names_the_first_expectation_that_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--speed", "max", "--directory", str(tmp_path / "var"), recorded(tmp_path / "other", "book")]
    assert main(["replay", *words]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "FAILED" in shown
    assert "intents: book was" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name the fixtures to play, or say --all"),
        (["--all", "books_an_appointment"], "name the fixtures to play, or say --all"),
        (["nobody"], "nobody: no such recorded caller; choose from: "),
        (["--all", "--jobs", "9"], "--jobs 9: a line card carries 1 to 4 calls"),
        (["--all", "--speed", "max", "--to", "sip:127.0.0.1"], "leave out --speed max"),
        (["--all", "--speed", "warp"], "invalid choice"),
    ],
)
def test_wrong_use_is_one_clear_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_a_fixture_that_cannot_be_played_is_told_with_file_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = Path(recorded(tmp_path / "broken")) / "call.toml"
    call.write_text(call.read_text().replace('press = "3"', 'say = "gone.wav"'), encoding="utf-8")
    assert main(["replay", str(call.parent)]) == 2
    assert capsys.readouterr().err.startswith(f"{call}: cue[1].say: {call.parent / 'gone.wav'} is missing")
