"""baresip, a third-party softphone, calls the daemon."""

from __future__ import annotations

import asyncio
import json
import wave
from pathlib import Path

import pytest

from ops.live.daemon_process import DaemonProcess
from ops.live.ports import free_port
from tests.foreign.audio import has_speech, read, share_in_order
from tests.foreign.conftest import silence
from tests.foreign.programs import need
from tests.foreign.test_sipp import recorded

HERE = Path(__file__).parent


def modules(program: str) -> Path:
    """Where the package keeps baresip's modules."""
    found = [
        *Path(program).resolve().parents[1].glob("lib/baresip/modules"),
        *Path("/usr/lib").glob("*/baresip/modules"),
    ]
    assert found, f"no modules of {program}"
    return found[0]


@pytest.mark.foreign
async def test_a_softphone_hears_the_greeting_and_is_understood(
    daemon: DaemonProcess, tmp_path: Path, booking: bytes
) -> None:
    """baresip's recording matches what the daemon says it played, and the other way round."""
    program = need("baresip")
    folder = tmp_path / "baresip"
    folder.mkdir()
    said = silence(1) + booking + silence(4)
    with wave.open(str(folder / "caller.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(said)
    (folder / "config").write_text(
        (HERE / "baresip.config").read_text().format(port=free_port(), folder=folder, modules=modules(program))
    )
    (folder / "accounts").write_text("<sip:foreign@127.0.0.1>;regint=0;audio_codecs=pcmu/8000/1\n")
    (folder / "contacts").touch()
    process = await asyncio.create_subprocess_exec(
        program, "-f", str(folder), "-e", f"/dial {daemon.uri()}", "-t", "9",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(25):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = output.decode(errors="replace")
    assert "Call established" in told, told

    (heard,) = folder.glob("dump-*-dec.wav")
    (ear,) = read(heard)
    call, _, agent = await recorded(daemon)
    assert has_speech(ear)
    assert share_in_order(ear, agent) > 0.8
    # The caller by their words, not by the waveform: baresip sends from a thread that a busy machine delays.
    turns = [json.loads(line) for line in (call / "turns.jsonl").read_text().splitlines()]
    assert any("appointment" in turn["caller"] for turn in turns), turns
