"""The phrases with which a listen server is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.__main__ import main
from sidecars.engine import load


@pytest.mark.long
def test_what_is_printed_makes_an_engine_that_knows_the_dialplan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["phrases"]) == 0
    phrases = json.loads(capsys.readouterr().out)
    assert "when are you open" in phrases["dental_clinic"][""]
    engine = load("moonshine", {"phrases": phrases})
    engine.open(1, {"grammar": "dental_clinic", "expected": "day"})
    assert engine.held()["sessions"] == 1


def test_a_dialplan_that_is_wrong_is_told_and_nothing_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.toml").write_text("name = 3\n")
    (tmp_path / "settings.toml").write_text('dialplans = ["plan.toml"]\n')
    assert main(["phrases", "-c", str(tmp_path / "settings.toml")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "plan.toml" in told.err
