"""The clients in docs/examples call a real web process; the test acts as the daemon, and interrupts itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import wave
from pathlib import Path

import pytest

from phone_daemon.events import EndReason
from tests.web.served import TOKENS, hears, served, settings_in
from tests.wire.calls import strength, tone

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NODE = ["node", "--experimental-websocket", "--no-warnings"]


def written(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm)
    return path


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, str(EXAMPLES / "voice_client.py")], id="python"),
        pytest.param(
            [*NODE, str(EXAMPLES / "voice_client.mjs")],
            id="javascript",
            marks=[pytest.mark.long, pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")],
        ),
    ],
)
async def test_an_example_speaks_listens_and_drops_what_was_interrupted(tmp_path: Path, command: list[str]) -> None:
    question, answer = written(tmp_path / "question.wav", tone(440, 1.0)), tmp_path / "answer.wav"
    async with served(settings_in(tmp_path)) as web:
        process = await asyncio.create_subprocess_exec(
            *command,
            f"ws://127.0.0.1:{web.process.port}/ws/voice",
            str(question),
            str(answer),
            env={**os.environ, "PHONE_TOKEN": TOKENS["operate"]},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        ear = await web.answered()
        call = ear.line.id
        await hears(ear, 440)
        web.tell(call, "final", text="What are your hours?")
        web.tell(call, "agent", text="One moment.", reply=1, filler=True)
        ear.line.play(1, tone(1000, 30.0))
        await ear.until(lambda: ear.frames[-1].played > 4000)
        ear.line.flush(1)
        ear.line.play(2, tone(700, 0.5))
        ear.line.finish(2)
        await ear.until(lambda: ear.frames[-1].reply == 2 and ear.frames[-1].played >= 4000)
        ear.line.hang_up(EndReason.AGENT_HUNG_UP)
        out, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, errors.decode()
    assert [" ".join(line.split()) for line in out.decode().splitlines()] == [
        "we: What are your hours?",
        "agent: One moment. …",
        "(interrupted)",
        "over: agent_hung_up",
    ]
    with wave.open(str(answer)) as file:
        sound = file.readframes(file.getnframes())
    assert strength(sound, 1000) > 500
    # The end (0.3 s) is of the second reply and has nothing of the one that was dropped.
    assert strength(sound[-4800:], 1000) < 200 < strength(sound[-4800:], 700)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        pytest.param([sys.executable, str(EXAMPLES / "voice_client.py")], "HTTP 401", id="python"),
        pytest.param(
            [*NODE, str(EXAMPLES / "voice_client.mjs")],
            "over: no connection",
            id="javascript",
            marks=[pytest.mark.long, pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")],
        ),
    ],
)
async def test_an_example_that_is_refused_says_so(tmp_path: Path, command: list[str], problem: str) -> None:
    question = written(tmp_path / "question.wav", tone(440, 0.1))
    async with served(settings_in(tmp_path)) as web:
        process = await asyncio.create_subprocess_exec(
            *command,
            f"ws://127.0.0.1:{web.process.port}/ws/voice",
            str(question),
            str(tmp_path / "answer.wav"),
            env={**os.environ, "PHONE_TOKEN": "not-a-token"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert problem in out.decode()


def test_the_examples_are_an_hours_work() -> None:
    for name in ("voice_client.py", "voice_client.mjs"):
        assert len((EXAMPLES / name).read_text().splitlines()) <= 100
