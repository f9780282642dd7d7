"""The speech server as a command: how it starts, where it listens, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from sidecars.serve.tts.__main__ import main

COMMAND = [sys.executable, "-m", "sidecars.serve.tts"]
WAIT_S = 20


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "--engine", "espeak", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Reads its output until `pattern`."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError("".join(said))


def ready(client: httpx.Client) -> None:
    end = time.monotonic() + WAIT_S
    while (answer := client.get("/healthz")).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() < end, answer.text
        time.sleep(0.02)


def test_it_listens_at_once_is_ready_when_it_has_spoken_and_ends_when_it_is_told() -> None:
    with running("--port", "0", "--option", "rate=1.5") as process:
        url = told(process, r"listening on (http://127\.0\.0\.1:\d+)/v1")[1]
        with httpx.Client(base_url=url) as client:
            ready(client)
            assert client.post("/v1/audio/speech", json={"input": "Hello."}).content[:4] == b"RIFF"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0


@pytest.mark.long
def test_a_socket_is_for_its_owner_only_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "speech.sock"
    with running("--socket", str(path)) as process:
        told(process, "listening on unix://")
        assert path.stat().st_mode & 0o077 == 0
        with httpx.Client(base_url="http://speech", transport=httpx.HTTPTransport(uds=str(path))) as client:
            ready(client)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--engine", "nobody", "--port", "0"], 1, "no such engine"),
        (["--engine", "espeak", "--port", "0", "--option", "speed=1"], 1, "'speed'"),
        (["--engine", "espeak", "--port", "0", "--option", "speed"], 2, "KEY=VALUE"),
        (["--engine", "espeak", "--port", "0", "--token-env", "NO_SUCH"], 2, "NO_SUCH"),
        (["--engine", "espeak", "--port", "0", "--bind", "everywhere"], 2, "not an IP address"),
        (["--engine", "espeak", "--port", "0", "--bind", "0.0.0.0"], 2, "give clients a token with --token-env"),
        (["--engine", "espeak"], 2, "--port"),
        (["--engine", "espeak", "--socket", "/nowhere/at/all"], 1, "/nowhere/at/all"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    arguments: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(arguments)
    except SystemExit as exit:
        ended = exit.code  # type: ignore[assignment]
    assert ended == status
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--engine", "espeak", "--port", port]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
