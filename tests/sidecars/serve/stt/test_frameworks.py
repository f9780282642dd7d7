"""The Deepgram clients of Pipecat and of LiveKit, unmodified, in their own environments."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.sidecars.clinic import CLINIC, SAID
from tests.sidecars.family import BUILD_S, python_in
from tests.sidecars.serve.stt.servers import serving
from tests.sidecars.speech import caller, wide, words

CLIENTS = Path(__file__).parent / "clients"
SPOKEN = SAID[:2]


@pytest.mark.timeout(BUILD_S)
@pytest.mark.parametrize(("client", "scheme"), [("pipecat", "ws"), ("livekit", "http")])
async def test_a_frameworks_own_client_hears_what_was_said(tmp_path: Path, client: str, scheme: str) -> None:
    python = python_in(f"ops/bench/peers/{client}")
    files = []
    for number, text in enumerate(SPOKEN):
        files.append(tmp_path / f"{number}.pcm")
        files[-1].write_bytes(wide(caller(text)))
    # Neither can name a grammar, so there is one for all.
    async with serving({"phrases": {"": CLINIC}}) as (_, http):
        process = await asyncio.create_subprocess_exec(
            python,
            CLIENTS / f"hear_{client}.py",
            http.replace("http", scheme, 1),
            *files,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(120):
                out, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, errors.decode()
    told = [json.loads(line) for line in out.decode().splitlines()]
    assert [words(each["text"]) for each in told if each["kind"] == "final"] == list(SPOKEN)
    assert [each for each in told if each["kind"] == "interim"]
    assert not [each for each in told if each["kind"] == "error"]
