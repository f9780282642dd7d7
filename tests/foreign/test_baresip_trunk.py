"""baresip, a third-party softphone, calls the daemon's extension through a third-party PBX (Kamailio), over TCP."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from ops.live.ports import free_port
from tests.foreign.audio import has_speech, read
from tests.foreign.conftest import silence
from tests.foreign.kamailio import USER, Kamailio
from tests.foreign.programs import need
from tests.foreign.test_baresip import HERE, modules
from tests.foreign.test_trunks import account, line, registered
from tests.wire.calls import tone


@pytest.mark.foreign
async def test_a_softphone_reaches_our_extension_over_tcp_and_hears_us(tmp_path: Path) -> None:
    program = need("baresip")
    folder = tmp_path / "baresip"
    folder.mkdir()
    with wave.open(str(folder / "caller.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(silence(6))
    config = (HERE / "baresip.config").read_text()
    (folder / "config").write_text(config.format(port=free_port(), folder=folder, modules=modules(program)))
    (folder / "accounts").write_text("<sip:colleague@127.0.0.1>;regint=0;audio_codecs=pcmu/8000/1\n")
    (folder / "contacts").touch()
    async with Kamailio(tmp_path) as pbx, line(account(pbx.port, transport="tcp")) as (_, trunks, calls):
        await registered(trunks)
        process = await asyncio.create_subprocess_exec(
            program, "-f", str(folder), "-e", f"/dial sip:{USER}@127.0.0.1:{pbx.port};transport=tcp", "-t", "6",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(25):
                while not calls:  # noqa: ASYNC110 (another process calls)
                    await asyncio.sleep(0.05)
                answered = calls[0].answer()
                answered.play(1, tone(440, 2.0))
                answered.finish(1)
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert "Call established" in output.decode(errors="replace")
        assert (calls[0].trunk, calls[0].caller) == ("provider", "colleague")
        assert {asked["transport"] for asked in pbx.asked("INVITE")} == {"tcp"}
    (heard,) = folder.glob("dump-*-dec.wav")
    (ear,) = read(heard)
    assert has_speech(ear)
