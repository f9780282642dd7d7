"""The daemon's end of a listen server: of ours, in a process that can be killed, and of a foreign one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web

from phone_daemon.stt.utterance import Utterance
from sidecars.host.fallback import FallbackHost
from sidecars.host.host import Channel, HostLost
from sidecars.local.inprocess import InProcessHost
from sidecars.remote import listen_connection
from sidecars.remote.audio_queue import WAITING_S
from sidecars.remote.listen_client import ListenHost
from sidecars.remote.listen_connection import RATE
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import until
from tests.sidecars.serve.stt.servers import FRAME, Process, options_file, serving
from tests.sidecars.speech import caller, words

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("listen")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["port", "socket"])
async def process(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Process]:
    where = ("--port", "0") if request.param == "port" else ("--socket", str(folder / "ears.sock"))
    started = await Process("--engine", "moonshine", "--option", options_file(folder), *where).start()
    yield started
    assert await started.end() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def host(process: Process) -> AsyncIterator[ListenHost]:
    host = ListenHost(process.url)
    await host.start()
    yield host
    assert host.count == 0, "a connection was left behind"
    await host.close()


def opened(host: ListenHost, grammar: str = "clinic") -> Any:
    channel = host.open()
    channel.send({"type": "Open", "options": {"grammar": grammar}})
    return channel


def feed(channel: Channel, text: str) -> None:
    audio = caller(text)
    for begin in range(0, len(audio), FRAME):
        channel.send({"type": "Audio"}, audio[begin : begin + FRAME])


async def ended(channel: Channel) -> None:
    """Releases it, and waits until its connection is closed."""
    channel.close()
    await asyncio.sleep(0.1)


@pytest.mark.long
async def test_an_utterance_is_a_connection_opened_ahead(host: ListenHost) -> None:
    channel, spare = opened(host), opened(host)
    assert channel.sample_rate == 8000
    feed(channel, SAID[0])
    partial = await until(channel, "Partial")
    assert 0 < partial["confidence"] <= 1
    channel.send({"type": "Finalize"})
    final = await until(channel, "Final")
    assert (words(final["text"]), final["held"]["sessions"]) == (SAID[0], 1), "the spare is open too"
    assert [words(word) for word, *_ in final["words"]] == SAID[0].split()
    feed(spare, SAID[1])
    spare.send({"type": "Finalize"})
    assert words((await until(spare, "Final"))["text"]) == SAID[1]
    await ended(spare)
    await ended(channel)


async def test_a_cancel_is_answered_when_the_engine_has_freed_the_utterance(host: ListenHost) -> None:
    channel = opened(host)
    feed(channel, SAID[0])
    await until(channel, "Partial")
    channel.send({"type": "Cancel"})
    cancelled = await until(channel, "Cancelled")
    assert (cancelled["held"], cancelled["open"]) == ({"sessions": 0}, 0)
    await ended(channel)
    unfed = opened(host)
    unfed.send({"type": "Cancel"})
    await until(unfed, "Cancelled")
    await ended(unfed)


@pytest.mark.long
async def test_a_spare_that_waits_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen_connection, "KEEP_ALIVE_S", 0.3)
    async with serving(idle_s=1.0) as (_, http):
        host = ListenHost(f"{http.replace('http', 'ws')}/v1/listen")
        await host.start()
        channel = opened(host)
        await asyncio.sleep(1.5)
        feed(channel, SAID[0])
        channel.send({"type": "Finalize"})
        assert words((await until(channel, "Final"))["text"]) == SAID[0]
        await host.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ws://127.0.0.1:9/v1/listen", "ws://127.0.0.1:9/v1/listen: Connect"),
        ("unix:///no/such/socket", "unix:///no/such/socket: No such file"),
    ],
)
async def test_a_server_that_is_not_there_is_told_in_one_line(url: str, reason: str) -> None:
    host = ListenHost(url)
    with pytest.raises(HostLost, match=reason):
        await host.start()
    with pytest.raises(HostLost, match="not in use"):
        await host.open().receive()


# ------------------------------------------------------------------------------------------------ faults


def utterance(host: ListenHost) -> Any:
    return Utterance(host, {"grammar": "clinic"})


async def speak(heard: Utterance, text: str, at: Any = None, then: Any = None) -> None:
    """Says it at the pace of speech; `then` runs `at` seconds into it."""
    audio = caller(text)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for count, begin in enumerate(range(0, len(audio), FRAME)):
        if at is not None and begin >= at * 2 * RATE:
            at = None
            await then()
        heard.feed(audio[begin : begin + FRAME])
        await asyncio.sleep(began + 0.02 * (count + 1) - loop.time())


def with_fallback(url: str, **limits: Any) -> Any:
    return FallbackHost(
        "stt",
        "the recognition server",
        lambda: ListenHost(url),
        InProcessHost("stt", "moonshine", OPTIONS),
        **{"deadline_s": 1.5, "probe_s": 0.2, **limits},
    )


async def mended(host: ListenHost) -> None:
    async with asyncio.timeout(20):
        while host.problem:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.1)


@pytest.mark.long
async def test_a_server_killed_in_the_middle_of_a_sentence_costs_no_word(folder: Path) -> None:
    """It is not called again until it is back; then it is."""
    arguments = ("--engine", "moonshine", "--option", options_file(folder))
    process = await Process(*arguments, "--port", "0").start()
    host = with_fallback(process.url)
    await host.start()
    assert host.problem == ""
    heard = utterance(host)
    await speak(heard, SAID[0], 1.2, lambda: process.end(kill=True))
    began = asyncio.get_running_loop().time()
    final = await heard.finalize()
    assert words(final.text) == SAID[0]
    assert asyncio.get_running_loop().time() - began < 1.5
    assert "closed the connection" in heard.faults[0] or "Connect" in heard.faults[0]
    port = process.url.split(":")[2].split("/")[0]
    again = await Process(*arguments, "--port", port).start()
    await mended(host)
    heard = utterance(host)
    await speak(heard, SAID[1])
    assert words((await heard.finalize()).text) == SAID[1]
    assert heard.faults == []
    await host.close()
    await again.end()


async def test_a_server_that_comes_after_the_daemon_is_used_before_anybody_has_called(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    host = with_fallback(f"ws://127.0.0.1:{port}/v1/listen")
    await host.start()
    assert "listen server" in host.problem
    process = await Process("--engine", "moonshine", "--option", options_file(folder), "--port", port).start()
    await mended(host)
    await host.close()
    await process.end()


@pytest.mark.long
async def test_a_server_that_stops_answering_is_given_up_a_moment_after_the_end_of_speech(folder: Path) -> None:
    process = await Process("--engine", "moonshine", "--option", options_file(folder), "--port", "0").start()
    host = with_fallback(process.url)
    await host.start()
    heard = utterance(host)

    async def stop() -> None:
        os.kill(process.pid, signal.SIGSTOP)

    await speak(heard, SAID[2], 1.0, stop)
    began = asyncio.get_running_loop().time()
    assert words((await heard.finalize()).text) == SAID[2]
    took_s = asyncio.get_running_loop().time() - began
    assert 1.5 <= took_s < 3.0, "the daemon waits 3 s for a final"
    assert "no answer to Finalize within 1.5 s" in heard.faults[0]
    later = utterance(host)
    began = asyncio.get_running_loop().time()
    for begin in range(0, len(caller(SAID[3])), FRAME):
        later.feed(caller(SAID[3])[begin : begin + FRAME])
    assert words((await later.finalize()).text) == SAID[3]
    assert asyncio.get_running_loop().time() - began < 1.5, "the breaker keeps it off"
    os.kill(process.pid, signal.SIGCONT)
    await mended(host)
    await host.close()
    await process.end()


# ------------------------------------------------------------------------------------------------ not ours


@dataclass
class Foreign:
    """A foreign server: it speaks as much of the dialect as a test needs, and understands nothing."""

    url: str = ""
    heard: list[object] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)
    """Its answer to CloseStream."""
    reads: bool = True
    patient: bool = True
    """Whether it reads any audio to its end."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.heard.append(dict(request.query))
        if not self.reads:
            assert request.transport is not None
            request.transport.pause_reading()
            await self.over.wait()
            return socket
        async for message in socket:
            self.heard.append(message.data)
            if not self.patient:
                await socket.close()
            if message.type is WSMsgType.TEXT and json.loads(message.data)["type"] == "CloseStream":
                for answer in self.answers:
                    await socket.send_json(answer)
                await socket.close()
        self.over.set()
        return socket


@asynccontextmanager
async def foreign(**what: Any) -> AsyncIterator[Any]:
    server = Foreign(**what)
    app = web.Application()
    app.router.add_get("/v1/listen", server.listen)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = "ws://{}:{}/v1/listen".format(*runner.addresses[0][:2])
    host = ListenHost(server.url, token="s3cret", options={"model": "nova-3"})
    await host.start()
    server.heard.clear()
    server.over.clear()
    try:
        yield server, host
    finally:
        server.over.set()
        await host.close()
        await runner.cleanup()


def results(text: str, **more: Any) -> Any:
    alternative = {"transcript": text, "confidence": 0.5, "words": []}
    return {
        "type": "Results",
        "is_final": True,
        "start": 0,
        "duration": 1,
        "channel": {"alternatives": [alternative]},
    } | more


async def test_pieces_of_an_utterance_that_a_server_makes_final_are_one_utterance() -> None:
    answers = [results("where is"), results("my dog"), results("my parcel"), {"type": "Metadata"}]
    answers[1]["is_final"] = False
    async with foreign(answers=answers) as (server, host):
        channel = opened(host)
        feed(channel, SAID[0])
        channel.send({"type": "Finalize"})
        final = await until(channel, "Final")
        assert (final["text"], final["confidence"], final["held"]) == ("where is my parcel", 0.5, {})
        query, *heard = server.heard
        assert query == {
            "encoding": "linear16",
            "sample_rate": "8000",
            "channels": "1",
            "interim_results": "true",
            "endpointing": "false",
            "model": "nova-3",
        }, "a grammar is for a server of ours"
        assert b"".join(each for each in heard if isinstance(each, bytes)) == caller(SAID[0])


async def test_a_server_that_knows_no_cancel_is_hung_up_on() -> None:
    async with foreign() as (server, host):
        channel = opened(host)
        feed(channel, SAID[0])
        await asyncio.sleep(0.2)
        channel.send({"type": "Cancel"})
        assert (await until(channel, "Cancelled"))["held"] == {}
        async with asyncio.timeout(2):
            await server.over.wait()
        assert not any(isinstance(each, str) for each in server.heard), "it was never told Cancel"


async def test_a_server_that_ends_an_utterance_by_itself_has_lost_it() -> None:
    async with foreign(patient=False) as (_, host):
        channel = opened(host)
        feed(channel, SAID[0])
        with pytest.raises(HostLost, match=r"closed the connection \(1000\)"):
            await until(channel, "Final")


@pytest.mark.parametrize("answer", [{"type": "Results"}, results("", channel=[]), {"no": "type"}])
async def test_a_server_of_another_dialect_is_told_apart(answer: Any) -> None:
    async with foreign(answers=[answer]) as (_, host):
        channel = opened(host)
        channel.send({"type": "Finalize"})
        with pytest.raises(HostLost, match="speaks another dialect"):
            await until(channel, "Final")


@pytest.mark.long
async def test_for_a_server_that_does_not_read_the_oldest_audio_is_dropped_and_it_is_told() -> None:
    async with foreign(reads=False) as (_, host):
        channel = opened(host)
        second = bytes(2 * RATE)
        for _ in range(400):  # more than a loopback socket's buffers hold
            channel.send({"type": "Audio"}, second)
            await asyncio.sleep(0)
        assert "is slow: audio is dropped" in (await until(channel, "Fault"))["error"]
        (connection,) = host._connections.values()
        assert connection._audio.waiting_s <= WAITING_S
        channel.close()
