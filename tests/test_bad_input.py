"""Mistakes in a file or on the command line: one line reports each, and nothing starts."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import sys
import wave
from pathlib import Path

import pytest

from ops.__main__ import main as phone_ops
from ops.live.daemon_process import DaemonFailed, DaemonProcess
from phone_daemon.__main__ import main as phone_daemon


async def run(*words: str) -> tuple[int, list[str]]:
    """Exit status and stderr lines of `python -m` words, which must end soon."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, errors.decode().splitlines()


async def refused(*arguments: str) -> tuple[int, list[str]]:
    """The output of a `phone-daemon serve` that must not start."""
    return await run("phone_daemon", "serve", *arguments)


def settings(folder: Path, text: str) -> str:
    file = folder / "settings.toml"
    file.write_text(text)
    return str(file)


# ------------------------------------------------------------------------------------------------ before it starts


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("[sip\nport = 1", ("settings.toml:1",)),
        ("[sip]\nport = 99999\ncodecs = ['MP3']", ("port", "MP3")),
        ("colour = 'blue'", ("colour",)),
        ("dialplans = ['nowhere.toml']", ("nowhere.toml",)),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_line_each(
    tmp_path: Path, text: str, telling: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert phone_daemon(["serve", "-c", settings(tmp_path, text)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(telling), lines
    for line, word in zip(lines, telling, strict=True):
        assert word in line
        assert "settings.toml" in line


async def test_a_dialplan_that_cannot_be_used_is_refused_in_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("greetnig = 'Hello'\n")
    code, lines = await refused("-c", settings(tmp_path, "dialplans = ['plan.toml']"))
    assert code == 2
    assert lines
    assert all("plan.toml" in line for line in lines)
    assert any("greetnig" in line for line in lines)


@pytest.mark.long
async def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = f"health_port = 0\n[state]\nurl = 'off'\n[sip]\nport = {port}"
        code, lines = await refused("-c", settings(tmp_path, text))
    assert code == 2
    assert f"127.0.0.1:{port}" in lines[-1]
    assert "set another `port`" in lines[-1]


# ------------------------------------------------------------------------------------------------ recordings


def wav(rate: int = 8000, channels: int = 1, seconds: float = 1.0) -> bytes:
    """A WAV file of 16-bit noise."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, 2, rate, 0, "NONE", ""))
        out.writeframes(os.urandom(2 * channels * round(rate * seconds)))
    return file.getvalue()


def recorded_caller(folder: Path, sound: bytes | None) -> Path:
    """A recorded caller whose one sound is this file; with None, there is no file."""
    (folder / "call.toml").write_text(
        'description = "x"\ncalled = "100"\ndialplan = "dental_clinic"\n[[cue]]\nat = "1.0 s"\nsay = "a.wav"\n'
    )
    if sound is not None:
        (folder / "a.wav").write_bytes(sound)
    return folder


@pytest.mark.parametrize(
    ("sound", "complaint"),
    [
        (None, "missing"),
        (b"", "empty"),
        (wav()[:30], "a.wav"),
        (wav()[:5001], "cut short"),
        (wav(seconds=0), "no audio"),
        (b"not a recording at all, but long enough to be one", "a.wav"),
    ],
    ids=["missing", "empty", "half a header", "truncated", "no samples", "not a WAV"],
)
def test_a_recording_that_cannot_be_used_is_named(
    tmp_path: Path, sound: bytes | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phone_ops(["replay", "--speed", "max", str(recorded_caller(tmp_path, sound))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "a.wav") in line
    assert complaint in line


@pytest.mark.long
async def test_a_stereo_recording_at_44_1_khz_is_converted_and_played(tmp_path: Path) -> None:
    code, lines = await run("ops", "replay", "--speed", "max", str(recorded_caller(tmp_path, wav(44_100, 2))))
    assert code == 0, lines


async def test_a_daemon_without_its_redis_folder_says_so(tmp_path: Path) -> None:
    """If a burst's daemon does not start, the person who runs the burst sees its log."""
    with pytest.raises(DaemonFailed, match="colour"):
        async with DaemonProcess(tmp_path / "var", {"colour": "blue"}):
            pass
