"""Recognition and voice as named by the settings: servers that go away and come back, a child for each call."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from ops.replay.tape_call import counted_settings
from phone_daemon.call.call import Call
from phone_daemon.call.services import Services
from phone_daemon.daemon import Daemon
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options, make_stt, make_tts
from phone_daemon.events import Note
from phone_daemon.settings.settings import (
    CallSettings,
    Settings,
    SipSettings,
    StateSettings,
    SttSettings,
    TtsSettings,
)
from phone_daemon.state.store import State
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.wire.tape import TapeLine
from sidecars.environment import interpreter
from sidecars.host.host import Host, HostLost
from sidecars.local.inline import InlineHost
from sidecars.local.per_call import PerCallHost
from sidecars.serve.tts.server import SpeechServer
from tests import agents
from tests.phone import plan

SETTINGS = Settings(sip=SipSettings(port=0), state=StateSettings(url="off"), health_port=0)


class Server:
    """A speech server that can be stopped and restarted at the same address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.spoken: list[str] = []

    async def start(self) -> None:
        self._host = InlineHost("tts", "espeak", {})
        await self._host.start()
        server = SpeechServer(self._host, "espeak")
        server.ready = True

        @web.middleware
        async def listen(request: web.Request, handler: Callable) -> web.StreamResponse:  # type: ignore[type-arg]
            if request.method == "POST":
                self.spoken.append((await request.json())["input"])
            answer: web.StreamResponse = await handler(request)
            return answer

        app = server.app()
        app.middlewares.append(listen)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self._host.close()


async def until(what: Callable[[], object], limit_s: float = 15.0) -> None:
    async with asyncio.timeout(limit_s):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def calling(folder: Path, tts: Host, stt: Host | None = None) -> AsyncIterator[tuple[Call, list[Note]]]:
    """A call in real time with a caller who only listens; it is hung up at the end."""
    settings = replace(SETTINGS, calls=CallSettings(directory=folder))
    listening = stt or InlineHost("stt", "moonshine", {})
    telemetry, notes = Telemetry(export=False), list[Note]()
    line = TapeLine("call", "caller", "reception", lambda agent: [])
    if stt is None:
        await listening.start()
    services = Services(settings, listening, tts, State(settings.state), telemetry, notes.append)
    call = Call(line, replace(plan(), no_input_s=60.0), agents.Lines(), services)
    running = [asyncio.create_task(line.run()), asyncio.create_task(call.run())]
    try:
        yield call, notes
        line.hang_up()
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        if stt is None:
            await listening.close()
        telemetry.close()


def states(notes: list[Note]) -> list[object]:
    return [note.data["state"] for note in notes if note.kind == "state"]


@pytest.mark.long
async def test_a_call_whose_server_dies_is_spoken_on_by_the_embedded_voice_until_it_is_back(tmp_path: Path) -> None:
    server = Server()
    await server.start()
    tts = make_tts(TtsSettings(host="speech", url=server.url), {})
    await tts.start()
    try:
        async with calling(tmp_path, tts) as (call, notes):
            await until(lambda: states(notes).count("LISTENING") == 1)
            await server.stop()
            assert call.operator.say("I am still here.")
            await until(lambda: states(notes).count("LISTENING") == 2)
            assert server.url in tts.problem
            assert call.operator.say("And here.")
            await until(lambda: states(notes).count("LISTENING") == 3)
            await server.start()
            await until(lambda: not tts.problem)
            assert call.operator.say("Here again.")
            await until(lambda: states(notes).count("LISTENING") == 4)
    finally:
        await tts.close()
        await server.stop()
    turns = [json.loads(line) for line in (tmp_path / "call" / "turns.jsonl").read_text().splitlines()]
    assert [turn["heard"] for turn in turns] == [agents.GREETING, "I am still here.", "And here.", "Here again."]
    assert [bool(turn["faults"]) for turn in turns] == [False, True, True, False]
    assert all(server.url in fault for turn in turns for fault in turn["faults"]), turns
    assert {"How can I help you?", "Here again."} <= set(server.spoken)
    assert not {"I am still here.", "And here."} & set(server.spoken)


@pytest.mark.long
async def test_a_daemon_starts_without_its_server_says_so_and_uses_it_when_it_comes() -> None:
    server = Server()
    async with Daemon(replace(SETTINGS, tts=TtsSettings(host="speech", url=server.url))) as daemon:
        ready, told = daemon.health.readiness()
        assert (ready, told["status"]) == (True, "degraded")
        assert server.url in str(told["parts"])
        await server.start()
        await until(lambda: daemon.health.readiness()[1]["status"] == "ok")
    await server.stop()


async def test_a_server_that_hangs_is_given_up_at_the_deadline_and_then_costs_nobody_any_time() -> None:
    """It accepts and never answers, and its health is never probed: only a real attempt counts."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        text = (await request.json())["input"]
        asked.append(text)
        if text != "Yes." or len(asked) > 1:
            await asyncio.Event().wait()
        return web.Response(body=bytes(4800))

    app = web.Application()
    app.router.add_post("/v1/audio/speech", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    tts = make_tts(TtsSettings(host="speech", url=url, deadline_s=0.3), {})
    await tts.start()
    try:
        channel = tts.open()
        channel.send({"type": "Speak", "text": "Hello.", "options": {}})
        with pytest.raises(HostLost, match=r"0\.3 s"):
            await channel.receive()
        for _ in range(3):
            channel = tts.open()
            channel.send({"type": "Speak", "text": "Hello.", "options": {"voice": "af_heart"}})
            kinds = [(await channel.receive())[0]["type"] for _ in range(2)]
            assert kinds == ["Fault", "Chunk"]
            channel.close()
        assert asked.count("Hello.") == 1
    finally:
        await tts.close()
        await runner.cleanup()


async def test_an_engine_that_cannot_be_loaded_is_stood_in_for() -> None:
    tts = make_tts(TtsSettings(engine="nobody"), {})
    await tts.start()
    assert "no such engine" in tts.problem
    assert "en-us" in tts.voices
    await tts.close()


async def test_without_a_fallback_it_is_the_start_that_fails() -> None:
    tts = make_tts(TtsSettings(engine="nobody", fallback=""), {})
    with pytest.raises(HostLost, match="no such engine"):
        await tts.start()
    await tts.close()


@pytest.mark.long
async def test_the_engine_runs_in_a_thread_when_it_is_told_to() -> None:
    tts = make_tts(TtsSettings(host="inprocess"), {})
    await tts.start()
    channel = tts.open()
    channel.send({"type": "Speak", "text": "Hello.", "options": {}})
    assert (await channel.receive())[0]["type"] == "Chunk"
    await tts.close()


def test_an_engine_without_an_environment_of_its_own_runs_in_the_daemons() -> None:
    assert interpreter("espeak") == ""


async def test_a_voice_may_have_a_spare() -> None:
    host = make_tts(TtsSettings(engine="espeak", spare=True), {})
    before = set(psutil.Process().children())
    await host.start()
    try:
        await until(lambda: len(set(psutil.Process().children()) - before) == 2)
    finally:
        await host.close()


async def spoken(host: Host, **options: object) -> tuple[int, list[str]]:
    """The rate of the audio for a text, and the kinds of messages with it."""
    channel = host.open()
    channel.send({"type": "Speak", "text": "Guten Morgen.", "options": options})
    kinds: list[str] = []
    async with asyncio.timeout(10):
        while not kinds or kinds[-1] not in ("Done", "Failed"):
            kinds.append((await channel.receive())[0]["type"])
    channel.close()
    return channel.sample_rate, kinds


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        (TtsSettings(), (24000, 22050)),
        (TtsSettings(fallback=""), (24000, 22050)),
        (TtsSettings(engine="espeak"), (22050, 22050)),
    ],
)
async def test_a_dialplan_in_another_language_is_spoken_by_an_engine_that_has_it(
    settings: TtsSettings, rates: tuple[int, int]
) -> None:
    tts = make_tts(settings, {})
    await tts.start()
    try:
        english, other = rates
        for options, rate in (
            ({}, english),
            ({"language": "en-gb", "pronounce": {"Guten": "ɡˈutən"}}, english),
            ({"voice": "nobody"}, english),
            ({"language": "de"}, other),
            ({"language": "sv", "voice": "heart", "pronounce": {"Guten": "ɡˈutən"}}, other),
            ({"voice": "de+f2"}, other),
        ):
            found, kinds = await spoken(tts, **options)
            assert (found, set(kinds)) == (rate, {"Chunk", "Done"}), options
    finally:
        await tts.close()


@pytest.mark.long
async def test_where_each_call_has_its_own_child_that_ends_with_the_call(tmp_path: Path) -> None:
    stt = make_stt(SttSettings(per_call=True), Dialplans([plan()]), {})
    tts = make_tts(TtsSettings(engine="espeak", per_call=True), {})
    assert isinstance(stt, PerCallHost)
    await asyncio.gather(stt.start(), tts.start())
    try:
        async with calling(tmp_path, tts, stt) as (_, notes):
            await until(lambda: states(notes).count("LISTENING") == 1)
            running = set(psutil.Process().children())
            assert stt.pids["call"] is not None
        # One from speech recognition, one from the voice.
        await until(lambda: len(running - set(psutil.Process().children())) == 2)
        assert stt.pids == {}
    finally:
        await asyncio.gather(stt.close(), tts.close())


def test_only_an_engine_that_wants_them_is_told_what_callers_may_say() -> None:
    plans = Dialplans([plan()])
    assert set(engine_options(SttSettings(), plans)) == {"phrases"}
    assert engine_options(SttSettings(engine="nemo", options={"threads": 2}), plans) == {"threads": 2}


def test_a_replay_in_counted_time_asks_no_server() -> None:
    tts = TtsSettings(host="speech", url="http://127.0.0.1:1/v1", options={"voice": "nova"})
    assert counted_settings(replace(SETTINGS, tts=tts)).tts == TtsSettings()
    kept = TtsSettings(options={"voice": "de"})
    assert counted_settings(replace(SETTINGS, tts=kept)).tts == kept
