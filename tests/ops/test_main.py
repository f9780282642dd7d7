"""The command line of `phone-ops`: exit codes, and one clear line for wrong use."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from ops.__main__ import MODULES, main
from tests.ops.turns import leave, spoken


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "phone-ops: name a command: calls, "),
        (["fly"], 'phone-ops: no command "fly"; choose from: ab, '),
        (["call"], 'phone-ops: no command "call"; did you mean "calls"?'),
        (["calls", "--jsn"], 'phone-ops: unrecognized arguments: --jsn; did you mean "--json"?'),
        (["drain", "--api", "x"], "phone-ops: unrecognized arguments: --api; see phone-ops --help"),
        (["hangup"], "phone-ops hangup: name one or more calls"),
        (["report", "/nowhere/at/all"], "/nowhere/at/all: no such folder"),
    ],
)
def test_wrong_use_is_told_in_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(line)
    assert told.err.count("\n") == 1


def test_help_names_every_command_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert {line.split()[0] for line in told.splitlines() if line.startswith("    ") and line.strip()} >= set(MODULES)
    assert "phone-ops burst --count 100" in told


@pytest.mark.parametrize("name", MODULES)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: phone-ops {name}" in capsys.readouterr().out


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def interrupted(folders: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("ops.report.report"), "read", interrupted)
    assert main(["report", str(tmp_path)]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    """`phone-ops report | head -1`, with a reader that is gone before the first byte."""
    leave(tmp_path / "a", [spoken(n) for n in range(50)])
    command = f"{sys.executable} -m ops report {tmp_path} | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=False)
    assert ended.stderr == ""
    assert ended.returncode in (0, 141)  # 0 if the pipe took everything before the reader left


def test_without_its_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("ops.replay.replay")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["replay", "--all"]) == 2
    assert "pip install 'phone-daemon[ops]'" in capsys.readouterr().err
