"""The recognition bench's clients, with a real listen server of the embedded engine in a separate process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web

from ops.bench.stt.sidecar import Sidecar, SidecarFailed, bare_steps
from ops.bench.stt.stream import RATE, Streams, turned
from tests.sidecars.clinic import CLINIC, SAID
from tests.sidecars.speech import caller, wide

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPTIONS: dict[str, object] = {"phrases": {"": CLINIC}}
CHUNK_S = 0.16


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Sidecar]:
    async with Sidecar("moonshine", OPTIONS, max_sessions=8) as server:
        yield server


async def free(server: Sidecar) -> None:
    async with asyncio.timeout(10):
        while any((await server.held()).values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_partial_is_timed_from_the_chunk_that_it_came_of(server: Sidecar) -> None:
    pcm = wide(caller(SAID[0]))
    async with Streams(server.url, CHUNK_S) as streams:
        (one,) = await streams.speaking(pcm, 1, len(pcm) / 2 / RATE)
        assert await one.finalize() > 0
    assert one.took_s
    assert all(0 < took < CHUNK_S + 5 for took in one.took_s)
    await free(server)


async def test_a_cancel_tells_what_is_held_for_the_others(server: Sidecar) -> None:
    pcm = wide(caller(SAID[1]))
    async with Streams(server.url, CHUNK_S) as streams, streams.background(pcm, 2):
        one = await streams.open()
        await one.speak(pcm, 0.5)
        seconds, held = await one.cancel()
    assert seconds > 0
    assert held == {"sessions": 2}
    await free(server)


async def test_a_client_that_vanishes_leaves_nothing(server: Sidecar) -> None:
    pcm = wide(caller(SAID[2]))
    async with Streams(server.url, CHUNK_S) as streams:
        some = [await streams.open() for _ in range(3)]
        await asyncio.gather(*(stream.speak(pcm, 0.3) for stream in some))
        assert (await server.held())["sessions"] == 3
        for stream in some:
            stream.kill()
        await free(server)


@pytest.mark.long
async def test_a_killed_server_can_be_started_again_where_it_was(server: Sidecar) -> None:
    before = server.pid
    await server.stop(kill=True)
    await server.start()
    assert server.pid != before
    assert await server.held() == {"sessions": 0}


async def test_an_engine_that_cannot_be_had_is_told_by_its_last_words() -> None:
    with pytest.raises(SidecarFailed, match="no such engine"):
        await Sidecar("no_such", {}).start()
    with pytest.raises(SidecarFailed, match="no such engine"):
        bare_steps("no_such", {}, b"\0\0", "1")


@pytest.mark.long
async def test_the_bare_engine_is_timed_in_its_own_process() -> None:
    told = await asyncio.to_thread(bare_steps, "moonshine", OPTIONS, wide(caller(SAID[0])), "1,2", 1.0)
    # Six chunks per second; those from which the engine makes nothing yet are not steps.
    assert told["steps_ms"].keys() == {"1", "2"}
    assert all(1 <= len(took) <= 6 for took in told["steps_ms"].values())
    assert all(ms > 0 for took in told["steps_ms"].values() for ms in took)
    assert told["batched_as_alone"] is True
    assert told["chunk_s"] == CHUNK_S
    assert told["held"] == {"sessions": 0}


@pytest.mark.long
async def test_streams_say_the_same_from_another_place_on() -> None:
    assert turned(b"aabbccdd", 1, 2) == b"ccddaabb"
    assert turned(b"aabbccdd", 0, 2) == b"aabbccdd"


class Late:
    """A listen server that answers each second of audio with a partial, this many seconds after its arrival."""

    def __init__(self, behind_s: float) -> None:
        self._behind_s = behind_s

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        samples, answers = 0, []
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                break
            samples += len(message.data) // 2
            answers.append(asyncio.create_task(self._answer(socket, samples / RATE)))
        await asyncio.gather(*answers, return_exceptions=True)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, heard_s: float) -> None:
        await asyncio.sleep(self._behind_s)
        await socket.send_json({"type": "Results", "is_final": False, "start": 0.0, "duration": heard_s})


@pytest.mark.long
async def test_how_late_partials_are_is_told_also_when_they_are_later_than_the_next_chunk() -> None:
    app = web.Application()
    app.add_routes([web.get("/v1/listen", Late(0.5).answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/listen"
        async with Streams(url, CHUNK_S) as streams:
            (one,) = await streams.speaking(bytes(2 * RATE), 1, 1.0)
            async with asyncio.timeout(5):
                while len(one.took_s) < 12:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    finally:
        await runner.cleanup()
    assert min(one.took_s) >= 0.5
