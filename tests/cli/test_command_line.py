"""The command line: wrong use gets one line, with a guess at what was meant."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from phone_daemon.__main__ import main


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["serve", "--prot", "5070"], 'unrecognized arguments: --prot 5070; did you mean "--port"?'),
        (["sevre"], "argument COMMAND: invalid choice: 'sevre'; did you mean \"serve\"?"),
        (["serve", "--port", "x"], "argument --port: 'x' is not a whole number; see phone-daemon serve --help"),
        ([], "the following arguments are required: COMMAND; see phone-daemon --help"),
    ],
)
def test_wrong_use_is_one_line(args: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(args)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.partition(": ")[2] == told


@pytest.mark.parametrize("bind", ["192.0.2.7", "foo.bar"])
def test_an_address_that_is_not_this_machines_is_one_line_before_anything_starts(
    bind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--bind", bind]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f'--bind {bind}: "{bind}" is not an')


def test_a_port_that_does_not_exist_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "99999"]) == 2
    assert capsys.readouterr().err == "--port 99999: is 99999; it must be from 0 to 65535\n"


def test_what_is_logged_about_settings_has_the_format_that_they_name(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        text = f'log = "json"\nhealth_port = 0\n[ears]\n[sip]\nport = {taken.getsockname()[1]}\n[state]\nurl = "off"\n'
        (tmp_path / "s.toml").write_text(text)
        command = [sys.executable, "-m", "phone_daemon", "serve", "-c", str(tmp_path / "s.toml")]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    first, *_ = ended.stderr.splitlines()
    assert "is the old name of stt" in json.loads(first)["message"]
