"""Recognition as named by the settings: the same calls under every host, and a server that fails in mid-call."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from ops.replay import fixture
from ops.replay.expectations import Verdict, judged
from ops.replay.tape_call import play_on, replay_settings
from phone_daemon.daemon import Daemon
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options, make_stt
from phone_daemon.events import Note
from phone_daemon.settings.settings import CallSettings, Settings, SipSettings, StateSettings, SttSettings
from sidecars.host.host import Host, HostLost
from sidecars.local.inline import InlineHost
from tests.sidecars.serve.stt.servers import Process

CALL = "interrupts_the_greeting"
NOWHERE = "ws://127.0.0.1:9/v1/listen"


def settings(folder: Path, **stt: Any) -> Settings:
    return replay_settings(Settings(stt=SttSettings(**stt), calls=CallSettings(directory=folder)))


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Process]:
    """A listen server that knows what the callers of every dialplan may say."""
    plans = Dialplans.load(settings(folder).dialplans)
    phrases = folder / "phrases.json"
    phrases.write_text(json.dumps(engine_options(SttSettings(), plans)["phrases"]))
    arguments = ("--engine", "moonshine", "--option", f"phrases=@{phrases}", "--port", "0")
    process = await Process(*arguments).start()
    try:
        yield process
    finally:
        await process.end()


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[tuple[Host, Host]]:
    """The recognizer and the voice that the settings name."""
    stt = make_stt(settings.stt, Dialplans.load(settings.dialplans), os.environ)
    tts = InlineHost("tts", "espeak", {})
    await asyncio.gather(stt.start(), tts.start())
    try:
        yield stt, tts
    finally:
        await stt.close()
        await tts.close()


async def verdict(
    name: str, stt: Host, tts: Host, settings: Settings, watch: Callable[[Note], None] = lambda note: None
) -> Verdict:
    played = fixture.load(fixture.find(name))
    return judged(played, await play_on(stt, tts, played, settings, watch))


async def missed(settings: Settings, stt: Host, tts: Host) -> list[str]:
    """The recorded call's failed expectations."""
    told = await verdict(CALL, stt, tts, settings)
    assert stt.problem == ""
    return list(told.failures)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_the_same_recorded_call_holds_under_all_three_hosts(tmp_path: Path) -> None:
    async with server(tmp_path) as process, AsyncExitStack() as stack:
        hosts = (
            {"host": "subprocess"},
            {"host": "inprocess"},
            {"host": "listen", "url": process.url},
        )
        chosen = [settings(tmp_path / each["host"], **each) for each in hosts]
        # A call keeps to the clock and takes a tenth of a core: all run at once, after everything has loaded.
        running = [await stack.enter_async_context(started(each)) for each in chosen]
        failures = await asyncio.gather(*(missed(each, *run) for each, run in zip(chosen, running, strict=True)))
    assert failures == [[] for _ in hosts]


@pytest.mark.long
async def test_a_call_whose_server_is_killed_in_the_middle_of_a_sentence_is_heard_to_its_end(tmp_path: Path) -> None:
    async with server(tmp_path) as process:
        chosen = settings(tmp_path / "killed", host="listen", url=process.url)

        def watch(note: Note) -> None:
            if note.kind == "partial" and process.running:
                os.kill(process.pid, signal.SIGKILL)

        async with started(chosen) as (stt, tts):
            assert (await verdict("hangs_up_mid_sentence", stt, tts, chosen, watch)).failures == []
            assert not process.running
            assert "the recognition server" in stt.problem
    told = (tmp_path / "killed" / "hangs_up_mid_sentence" / "turns.jsonl").read_text().splitlines()
    greeting, asked = map(json.loads, told)
    assert greeting["faults"] == []
    assert "appointment" in asked["caller"]
    [fault] = asked["faults"]
    assert fault.startswith("stt: fallback in use: the recognition server: listen server ws://127.0.0.1:")


@pytest.mark.long
async def test_a_daemon_starts_without_its_server_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    chosen = Settings(
        sip=SipSettings(port=0),
        state=StateSettings(url="off"),
        stt=SttSettings(host="listen", url=NOWHERE),
        health_port=0,
    )

    def ready(port: int) -> tuple[int, Any]:
        client = HTTPConnection("127.0.0.1", port, timeout=5)
        client.request("GET", "/readyz")
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())

    async with Daemon(chosen) as daemon:
        status, told = await asyncio.to_thread(ready, daemon.health.port)
    assert (status, told["status"]) == (200, "degraded")
    assert told["parts"]["stt"]["detail"].startswith(
        f"fallback in use: the recognition server: listen server {NOWHERE}: "
    )
    assert "engine.fallback" in caplog.text


async def test_without_a_fallback_it_is_the_start_that_fails(tmp_path: Path) -> None:
    chosen = replace(settings(tmp_path).stt, host="listen", url=NOWHERE, fallback="")
    with pytest.raises(HostLost, match=NOWHERE):
        await make_stt(chosen, Dialplans.load(settings(tmp_path).dialplans), {}).start()
