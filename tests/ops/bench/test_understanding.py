"""The bench of understanding: existing sets are measured, missing ones are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.bench import understanding
from tests.ops.natural import manifest

CLINIC = "dental_clinic"


@pytest.mark.long
async def test_sets_that_are_there_are_measured_and_others_told(tmp_path: Path) -> None:
    rows = [
        {"text": "Yes, that's right.", "dialplan": CLINIC, "want": "yes"},
        {"text": "No, thank you.", "dialplan": CLINIC, "want": "yes"},
    ]
    manifest(tmp_path, rows, "yes_no.jsonl")
    parts: list[float] = []
    found = {figure.name: figure for figure in await understanding.measure(parts.append, tmp_path)}
    assert found["yes and no, not right"].value == 50.0
    assert found["yes and no, not right"].passed is False
    assert found["yes and no, wrong"].value == 50.0
    assert found["people"].value is None
    assert found["people"].note == f"{tmp_path / 'people.jsonl'} is not there: make sets"
    assert parts == sorted(parts) and parts


@pytest.mark.long
async def test_words_on_what_is_no_speech_are_counted(tmp_path: Path) -> None:
    manifest(tmp_path, [{"text": ""}, {"text": ""}], "not_speech.jsonl")
    found = {figure.name: figure for figure in await understanding.measure(lambda part: None, tmp_path)}
    figure = found["no speech, and words heard"]
    assert (figure.value, figure.limit, figure.passed) == (0.0, 1.0, True)
    assert figure.note == "0 of 2 clips"


async def test_a_set_with_faults_is_told(tmp_path: Path) -> None:
    (tmp_path / "digits.jsonl").write_text("{}\n")
    found = {figure.name: figure for figure in await understanding.measure(lambda part: None, tmp_path)}
    assert found["digits"].note.startswith(f"{tmp_path / 'digits.jsonl'}:1: ")
