"""`phone-ops ab`, run as an operator types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.ab.decision import NAME
from ops.ab.rule import LEGS

CALLER = "interrupts_the_greeting"
BRIEF = ["--engine", "moonshine", "--count", "2", "--seconds", "0.5", "--most", "1"]


@pytest.mark.long
@pytest.mark.timeout(300, func_only=True)
def test_places_are_measured_and_the_decision_is_on_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded caller interrupts by voice, two barge-ins come by command, and all legs of all of them are present."""
    words = ["ab", CALLER, *BRIEF, "--arms", "listen,inprocess", "--json", "--write", str(tmp_path)]
    code = main(words)
    told = json.loads(capsys.readouterr().out)
    assert told["cannot_run"] == {}
    assert list(told["places"]) == ["listen", "inprocess"]
    for place in told["places"].values():
        assert place["by_voice"] == 1
        assert place["barge_ins"] == 3
        assert set(place["legs_ms"]) == set(LEGS)
        assert place["startup_s"] > 0
        assert place["rss_mb"] > 50
        assert place["words"] > 0
        assert place["words_lost"] <= place["words"]
    assert told["places"]["inprocess"]["rss_mb"] < told["places"]["listen"]["rss_mb"]
    assert code == (0 if told["gate"]["passed"] else 1)
    text = (tmp_path / NAME).read_text()
    assert f"**{told['outcome']}**" in text
    assert f"phone-ops ab {CALLER} {' '.join(BRIEF[:4])} --arms listen,inprocess {' '.join(BRIEF[4:])} --write" in text


@pytest.mark.long
@pytest.mark.timeout(120, func_only=True)
def test_told_to_end_it_leaves_no_process_behind() -> None:
    """In the middle of its calls, while a daemon, its children, and a sidecar are running."""
    comparing = subprocess.Popen(
        [sys.executable, "-m", "ops", "ab", CALLER, *BRIEF, "--arms", "listen", "--json"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not {"sidecars.serve.stt", "ops.ab.daemon"} <= {word for each in session(comparing.pid) for word in each}:
            assert comparing.poll() is None
            time.sleep(0.1)
        comparing.send_signal(signal.SIGTERM)
        assert comparing.wait(timeout=30) == 128 + signal.SIGTERM
        assert session(comparing.pid) == []
    finally:
        if comparing.poll() is None:
            os.killpg(comparing.pid, signal.SIGKILL)


def session(leader: int) -> list[list[str]]:
    """The command lines of the processes of a session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == leader:
                found.append((process / "cmdline").read_text().split("\0"))
        except OSError:  # it has just ended
            continue
    return found


@pytest.mark.long
def test_an_engine_that_does_not_run_at_all_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ab", CALLER, *BRIEF, "--option", "weight=77"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "phone-ops ab: moonshine cannot run: ValueError: weight 77: expected a number from 0 to 10" in told.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--arms", "listen,cloud"], "--arms cloud: no such place; there are listen, "),
        (["--arms", "subprocess"], "--arms must include listen"),
        (["--count", "0"], "--count and --most must be at least 1"),
        (["--all", CALLER], "name fixtures, or say --all"),
        (["nobody"], "nobody: no such recorded caller"),
        (["--engine", "no/name"], "--engine no/name: not the name of an engine"),
    ],
)
def test_wrong_use_is_told_in_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ab", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert line in told.err
    assert told.err.count("\n") == 1
