"""Recorded callers phone the whole daemon over `/ws/voice`, with the same outcome as over SIP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from ops.replay import fixture, tape_call
from ops.replay.expectations import Outcome, failures, read_turns
from ops.replay.fixture import Fixture
from ops.replay.sip_replay import Ledger
from phone_daemon.daemon import Daemon
from phone_daemon.events import EndReason
from phone_daemon.settings.settings import Settings
from phone_daemon.wire.sip import CardFailed, PortInUse
from tests.web.served import TOKENS, bearer, served, settings_in
from tests.web.voice_caller import Heard, call

pytestmark = pytest.mark.long

RATES = [8000, 16_000]
NAMES = ["books_an_appointment", "interrupts_three_times"]
LATE_S = 0.06
"""Calls with a frame that was sent later than this are repeated if they went wrong: words were missing, or the caller
interrupted an agent who had finished, because the machine was busy.
"""
ATTEMPTS = 3


@pytest.mark.timeout(600)
async def test_over_a_websocket_an_appointment_is_booked_and_an_agent_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHONE_WEB_TOKENS", f"admin:{TOKENS['admin']}")
    fixtures = [fixture.load(fixture.find(name)) for name in NAMES]
    for attempt in range(ATTEMPTS):
        settings = replace(tape_call.replay_settings(settings_in(tmp_path / str(attempt))), health_port=0)
        heard, outcomes = await called(settings, fixtures)
        for told, outcome in zip(heard, outcomes, strict=True):
            assert told.stale == 0
            assert 2 * told.audio_messages <= 0.01 * told.audio_bytes
            assert " ".join(turn["agent"] for turn in outcome.turns).split()[:5] == told.agent.split()[:5]
        wrong = [failures(each.expect, outcome) for each, outcome in zip(fixtures, outcomes, strict=True)]
        late_s = max(told.late_s for told in heard)
        if late_s <= LATE_S or not any(wrong):
            break
    assert wrong == [[], []], f"frames were up to {late_s:.2f} s late"
    assert len(heard[1].drops) == 3


async def called(settings: Settings, fixtures: Sequence[Fixture]) -> tuple[list[Heard], list[Outcome]]:
    """What the callers heard, and what the daemon has of their calls."""
    ledger = Ledger()
    for each in fixtures:
        ledger.expect(each.name)
    async with Daemon(settings, watch=ledger.watch, now=lambda: tape_call.NOON) as daemon:
        assert daemon.web is not None
        serving = asyncio.create_task(daemon.serve())
        url = f"ws://127.0.0.1:{daemon.web.port}"
        heard = await asyncio.gather(
            *(call(url, TOKENS["admin"], each, rate) for each, rate in zip(fixtures, RATES, strict=True))
        )
        async with asyncio.timeout(10):
            await asyncio.gather(*(over.wait() for over in ledger.over.values()))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{daemon.web.port}", headers=bearer("admin")) as client:
            assert (await client.get("/readyz")).json()["parts"]["web"]["status"] == "ok"
            async with asyncio.timeout(10):
                while len(past := (await client.get("/v1/calls?state=past")).json()["calls"]) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        daemon.drain()
        await serving
    assert sorted(row["caller"] for row in past) == NAMES
    outcomes = []
    for told, each in zip(heard, fixtures, strict=True):
        folder = settings.calls.directory / told.call
        assert json.loads((folder / "call.json").read_text())["caller"] == each.name
        turns = read_turns(folder / "turns.jsonl")
        outcomes.append(Outcome(turns, EndReason(told.reason), ledger.notes[each.name], "", folder))
    return heard, outcomes


async def test_a_web_process_that_dies_costs_its_calls_and_is_there_again(tmp_path: Path) -> None:

    async with served(settings_in(tmp_path)) as web:
        async with web.socket() as socket:
            await socket.send(b"\x01\x00")
            ear = await web.answered()
            os.kill(web.process.pid, 9)
            assert (await ear.closed()).reason is EndReason.LINE_CARD_DIED
        port = web.process.port
        async with asyncio.timeout(90), web.client("watch") as client:
            while True:
                try:
                    assert (await client.get("/v1/me")).status_code == 200
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        assert web.process.port == port and web.process.alive
        async with web.socket() as socket:
            await socket.send(b"\x01\x00")
            await web.answered()


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:

    async with served(settings_in(tmp_path)) as web:
        with pytest.raises(PortInUse, match=f"web port 127.0.0.1:{web.process.port}/tcp is in use"):
            async with served(settings_in(tmp_path, port=web.process.port)):
                pass


async def test_alone_it_is_a_console_that_takes_no_calls(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[web]\nport = 0\n[calls]\ndirectory = "calls"\n[state]\nurl = "off"\n')
    command = [sys.executable, "-m", "phone_daemon", "web", "-c", str(tmp_path / "s.toml")]
    environ = {name: value for name, value in os.environ.items() if name != "PHONE_WEB_TOKENS"}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environ)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        link = (await process.stdout.readline()).decode().strip()
    async with httpx.AsyncClient(follow_redirects=True) as client:
        assert (await client.get(link)).status_code == 200
        base = link.partition("?")[0]
        assert (await client.get(f"{base}v1/me")).json()["role"] == "admin"
        answer = await client.get(f"{base}v1/calls")
        assert (answer.status_code, "switched off" in answer.json()["detail"]) == (503, True)
    token = link.rpartition("=")[2]
    url = base.replace("http", "ws")
    async with connect(f"{url}ws/voice", additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.send(b"\x01\x00")
        message = await socket.recv()
        assert isinstance(message, bytes) and b"not answered (503)" in message
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_tokens_that_are_wrong_stop_the_start_in_one_line(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.toml"
    tokens.write_text('[a]\ntoken = "short"\nrole = "watch"\n')
    tokens.chmod(0o600)
    with pytest.raises(CardFailed, match=r"^web process: .*tokens.toml: \[a\]: a token has at least 16"):
        async with served(settings_in(tmp_path, tokens=tokens)):
            pass
