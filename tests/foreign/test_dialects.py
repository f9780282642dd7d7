"""The SIP dialects of PBXes and carriers: each scenario calls one daemon, hears the agent, is heard, and ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ops.live.daemon_process import DaemonProcess
from ops.live.ports import free_block, free_port
from ops.witness.probe import until
from tests.foreign.audio import has_speech, read
from tests.foreign.programs import need

DIALECTS = sorted(Path(__file__).parent.glob("dialects/*.xml"))
CARDS = 2
"""Each carries four calls; all dialects run at the same time."""
SIPP_PORTS = 4
"""Audio and video, each with RTCP beside it."""
CALLERS = {
    "asterisk": "+442079460001",
    "cisco_cube": "+442079460003",
    "freeswitch": "+442079460002",
    "fritzbox": "**620",
    "mitel": "+442079460004",
    "sipgate": "+442079460007",
    "telnyx": "+442079460006",
    "twilio": "+442079460005",
}
"""The caller's identity, on a trusted trunk."""

pytestmark = [pytest.mark.foreign, pytest.mark.asyncio(loop_scope="module")]


async def call(port: int, dialect: Path, folder: Path, media: int) -> str:
    """SIPp's complaint; empty if every message came as the scenario expects."""
    process = await asyncio.create_subprocess_exec(
        need("sipp"), f"127.0.0.1:{port}", "-sf", str(dialect), "-s", "100", "-m", "1", "-nostdin", "-rtp_echo",
        "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(free_port()), "-mp", str(media),
        "-cid_str", dialect.stem, "-timeout", "30", "-timeout_error",
        "-trace_err", "-error_file", str(folder / f"{dialect.stem}.err"),
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = folder / f"{dialect.stem}.err"
    return "" if process.returncode == 0 else errors.decode() + (said.read_text() if said.exists() else "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spoken(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, tuple[str, Path | None]]]:
    """Each dialect's complaint, and the folder of its call."""
    folder = tmp_path_factory.mktemp("dialects")
    sections: dict[str, Any] = {
        "sip": {"cards": CARDS},
        "trunk": [{"name": "carrier", "addresses": ["127.0.0.1/32"], "trust": True}],
        "echo": {"cancel": False},
    }
    async with DaemonProcess(folder / "var", sections, start_s=90) as daemon:
        # All at once: one that has not yet opened its sockets would otherwise find them taken by another.
        media = free_block(SIPP_PORTS * len(DIALECTS), even=True)
        complaints = await asyncio.gather(
            *(
                call(daemon.port + at % CARDS, dialect, folder, media + SIPP_PORTS * at)
                for at, dialect in enumerate(DIALECTS)
            )
        )
        fine = complaints.count("")
        await until(lambda: daemon.log().count("call.ended") >= fine)
        callers = {json.loads((each / "call.json").read_text())["caller"]: each for each in daemon.calls()}
    yield {
        dialect.stem: (complaint, callers.get(CALLERS[dialect.stem]))
        for dialect, complaint in zip(DIALECTS, complaints, strict=True)
    }


@pytest.mark.parametrize("dialect", CALLERS)
async def test_a_dialect_is_answered_hears_and_is_heard_and_ends(
    dialect: str, spoken: dict[str, tuple[str, Path | None]]
) -> None:
    complaint, folder = spoken[dialect]
    assert not complaint
    assert folder is not None, "the call is not known by its caller"
    caller, agent = read(folder / "call.wav")
    assert has_speech(agent)
    # SIPp sends back what it hears: the agent's words.
    assert has_speech(caller)
    assert json.loads((folder / "call.json").read_text())["reason"] == "caller_hung_up"


async def test_no_scenario_is_left_out() -> None:
    assert [dialect.stem for dialect in DIALECTS] == sorted(CALLERS)
