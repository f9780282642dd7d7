"""`phone-ops understand`: natural speech through the embedded engine and a dialplan's script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.quality.score import wilson
from ops.quality.understand import Understood, told, worst
from ops.quality.understand_question import Judged, Verdict
from ops.quality.understand_set import Clip
from phone_daemon.agent.script.state import State
from tests.ops.natural import manifest

CLINIC, PARCELS = "dental_clinic", "parcel_line"
ROWS = [
    {"text": "What are your opening hours?", "dialplan": CLINIC, "want": "hours"},
    {"text": "Tuesday, please.", "dialplan": CLINIC, "want": "day", "value": "tuesday"},
    {"text": "Yes, that's right.", "dialplan": CLINIC, "want": "yes"},
    {"text": "Four eight two nine, one three five seven.", "dialplan": PARCELS, "want": "number", "value": "48291357"},
    {"text": "What are your opening hours?", "dialplan": CLINIC, "want": "cancel"},
    {"text": "The weather was lovely in the mountains.", "dialplan": CLINIC, "want": "hours"},
    {"text": "The weather was lovely in the mountains."},
    {"text": ""},
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest(tmp_path_factory.mktemp("set"), ROWS)


@pytest.mark.long
def test_what_was_understood_is_counted(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["understand", str(path), "--engine", "moonshine", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["engine"], found["clips"], found["n"]) == ("moonshine", 8, 6)
    assert (found["right"], found["unclear"], found["wrong"]) == (4, 1, 1)
    assert found["ci95"] == pytest.approx(wilson(4, 6))
    assert 0 <= found["wer"] < 0.1
    assert found["not_speech"] == {"clips": 1, "words_on": 0}
    assert ["cancel", "hours", 1] in found["confusion"]


@pytest.mark.long
def test_a_table_says_what_was_taken_for_what_and_what_went_worst(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["understand", str(path), "--engine", "moonshine"]) == 0
    told = capsys.readouterr().out
    assert "of 6, right 4 (66.7%), unclear 1 (16.7%), wrong 1 (16.7%)" in told
    assert "words on 0 of 1 without speech" in told
    assert f"{path}:5: cancel taken for hours" in told
    assert told.index(f"{path}:5") < told.index(f"{path}:6")


def test_faults_are_told_and_nothing_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"audio_filepath": "gone.wav", "text": "hello"}\n{"text": "hello"}\n')
    assert main(["understand", str(bad)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"phone-ops understand: {bad}:1: {tmp_path}/gone.wav: no such file",
        f'phone-ops understand: {bad}:2: "audio_filepath" is missing; expected {{"audio_filepath": "a.wav", '
        '"text": "…"}} on each line'.replace("}}", "}"),
    ]


def test_an_engine_that_does_not_exist_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["understand", str(path), "--engine", "wisper"]) == 1
    assert capsys.readouterr().err.startswith("phone-ops understand: stt engine 'wisper': ")


def _one(verdict: Verdict | None, said: str, heard: str) -> Understood:
    clip = Clip("m:1", Path("a.wav"), said, None, "", "", "", State())
    return Understood(clip, heard, 1.0, None if verdict is None else Judged(verdict, ""))


def test_the_worst_come_first() -> None:
    wrong, unclear = _one(Verdict.WRONG, "a b", "a b"), _one(Verdict.UNCLEAR, "a b", "x b")
    right, exact = _one(Verdict.RIGHT, "a b", "x y"), _one(None, "a b", "a b")
    assert worst([exact, right, unclear, wrong]) == [wrong, unclear, right]


def test_a_set_without_speech_has_no_word_errors() -> None:
    found = told([_one(None, "", "you"), _one(None, "", "")])
    assert (found["n"], found["wer"], found["ci95"]) == (0, None, None)
    assert found["not_speech"] == {"clips": 2, "words_on": 1}
