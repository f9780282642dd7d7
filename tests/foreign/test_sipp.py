"""SIPp (third-party) calls the daemon."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ops.live.daemon_process import DaemonProcess
from ops.live.ports import free_port
from ops.witness.probe import until
from ops.witness.rtp import to_ulaw
from phone_daemon.events import EndReason
from tests.foreign.audio import Samples, alike, has_speech, read
from tests.foreign.conftest import silence
from tests.foreign.programs import need

HERE = Path(__file__).parent


async def sipp(daemon: DaemonProcess, scenario: str, folder: Path, *arguments: str) -> None:
    """Runs one call of a scenario; SIPp's exit status says whether every message came as expected."""
    process = await asyncio.create_subprocess_exec(
        need("sipp"), f"127.0.0.1:{daemon.port}", "-sf", str(HERE / scenario), "-s", "100", "-m", "1", "-nostdin",
        "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(free_port()), "-timeout", "30", *arguments,
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(40):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()


async def recorded(daemon: DaemonProcess) -> tuple[Path, Samples, Samples]:
    """Folder of the one call, and what the caller and the agent said in it, once the daemon has finished with it."""
    (folder,) = daemon.calls()
    await until(lambda: f"call.ended call={folder.name} reason={EndReason.CALLER_HUNG_UP}" in daemon.log())
    caller, agent = read(folder / "call.wav")
    return folder, caller, agent


@pytest.mark.foreign
async def test_sipp_hears_the_agent_and_the_daemon_hears_sipp(tmp_path: Path) -> None:
    """SIPp sends back what it hears: the agent's words return as the caller's, so both directions work."""
    async with DaemonProcess(tmp_path / "var", {"echo": {"cancel": False}}) as daemon:
        await sipp(daemon, "sipp_echo.xml", tmp_path, "-rtp_echo", "-mp", str(free_port(even=True)))
        _, caller, agent = await recorded(daemon)
    assert has_speech(agent)
    assert alike(agent, caller) > 0.9


@pytest.mark.foreign
async def test_what_sipp_plays_is_understood(daemon: DaemonProcess, tmp_path: Path, booking: bytes) -> None:
    """A recorded caller's voice, sent by SIPp as raw PCMU, becomes the caller's turn."""
    (tmp_path / "caller.ulaw").write_bytes(to_ulaw(silence(1) + booking + silence(4)))
    await sipp(daemon, "sipp_speak.xml", tmp_path)
    folder, caller, agent = await recorded(daemon)
    assert has_speech(caller)
    assert has_speech(agent)
    turns = [json.loads(line) for line in (folder / "turns.jsonl").read_text().splitlines()]
    assert any("appointment" in turn["caller"] for turn in turns)


@pytest.mark.foreign
async def test_a_pbx_finds_a_living_call_and_may_hold_it(daemon: DaemonProcess, tmp_path: Path) -> None:
    """During the call, SIPp sends what PBXes send, offers unsupported codecs, holds, and resumes; it checks each
    answer.
    """
    await sipp(daemon, "sipp_pbx.xml", tmp_path, "-rtp_echo", "-mp", str(free_port(even=True)))
    _, _, agent = await recorded(daemon)
    assert has_speech(agent)
