"""The command line of a listen server: what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import sys
import wave
from pathlib import Path

import pytest

from sidecars.serve.stt.__main__ import main
from tests.sidecars.clinic import CLINIC, SAID
from tests.sidecars.serve.stt.servers import Process, options_file
from tests.sidecars.speech import caller


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--port", "0"), "--engine"),
        (("--engine", "moonshine"), "one of the arguments --port --socket is required"),
        (("--engine", "moonshine", "--port", "0", "--socket", "s"), "not allowed with argument"),
        (("--engine", "moonshine", "--port", "0", "--option", "phrases"), "'phrases' is not KEY=VALUE"),
        (("--engine", "moonshine", "--port", "0", "--option", "phrases=@/no/such"), "/no/such: No such file"),
        (("--engine", "moonshine", "--port", "0", "--bind", "0.0.0.0"), "give clients a token with --token-env"),
        (("--engine", "moonshine", "--port", "0", "--bind", "here"), "--bind here: not an IP address"),
        (("--engine", "moonshine", "--port", "0", "--token-env", "NO_SUCH"), "NO_SUCH: this environment variable"),
        (("--engine", "moonshine", "--port", "0", "--max-sessions", "0"), "must be at least 1"),
        (("--engine", "moonshine", "--port", "0", "--hear", "no.wav"), "no.wav: cannot be read as a WAV file"),
    ],
)
def test_wrong_use_is_told_in_one_line(words: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


async def last_words(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sidecars.serve.stt", *words), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    return process.returncode or 0, said.decode().splitlines()[-1]


@pytest.mark.long
async def test_an_engine_or_an_address_that_cannot_be_had_ends_it_with_one_line(tmp_path: Path) -> None:
    for engine, remedy in (("wisper", 'did you mean "whisper"?'), ("pocketsphinx", 'write "moonshine"')):
        status, said = await last_words("--engine", engine, "--port", "0")
        because = f"ValueError: engine {engine!r}: no such engine; {remedy}"
        assert (status, said) == (1, f"sidecars.serve.stt: stt engine {engine}: {because}")
    status, said = await last_words("--engine", "moonshine", "--option", "wieght=1", "--port", "0")
    assert (status, "'wieght': moonshine knows the options" in said) == (1, True)
    status, said = await last_words("--engine", "moonshine", "--socket", str(tmp_path / "no" / "such"))
    assert (status, "No such file" in said) == (1, True)


LOST = """
import sys
from sidecars.engine import EngineLost
from sidecars.engines.moonshine import Moonshine
from sidecars.serve.stt.__main__ import main

def step(self, audio):
    raise EngineLost("CUDA failed (an illegal memory access)")

Moonshine.step = step
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.long
async def test_a_server_whose_engine_is_lost_ends_and_says_the_first_error() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOST, "--engine", "moonshine", "--port", "0"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    reason = "stt engine moonshine failed: CUDA failed (an illegal memory access)"
    assert (process.returncode, said.decode().splitlines()[-1]) == (1, f"sidecars.serve.stt: {reason}")


@pytest.mark.long
async def test_systemd_is_told_when_the_engine_is_ready_and_that_it_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        process = await Process("--engine", "moonshine", "--option", options_file(tmp_path), "--port", "0").start()
        told: set[bytes] = set()
        async with asyncio.timeout(5):
            while told != {b"READY=1", b"WATCHDOG=1"}:
                told.add(await asyncio.get_running_loop().sock_recv(systemd, 100))
        assert await process.end() == 0


@pytest.mark.long
async def test_a_socket_is_its_owners_alone_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "ears.sock"
    process = await Process("--engine", "moonshine", "--option", options_file(tmp_path), "--socket", str(path)).start()
    assert process.url == f"unix://{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await process.end() == 0
    assert not path.exists()


@pytest.mark.long
async def test_once_ready_it_says_what_it_hears_in_a_recording(tmp_path: Path) -> None:
    recording = tmp_path / "said.wav"
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(caller(SAID[0]))
    # An engine without a grammar for the recording uses the one for all.
    phrases = tmp_path / "phrases.json"
    phrases.write_text(json.dumps({"": CLINIC}))
    process = await Process(
        "--engine", "moonshine", "--option", f"phrases=@{phrases}", "--port", "0", "--hear", str(recording)
    ).start()
    assert process.said.startswith(
        "moonshine hears “What are your opening hours?” in said.wav, and listens on ws://127.0.0.1:"
    )
    assert await process.end() == 0
