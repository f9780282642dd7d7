"""A listen server with a real engine, and well-behaved and misbehaving clients."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sidecars import listen_dialect
from tests.sidecars.clinic import SAID
from tests.sidecars.serve.stt.servers import QUERY, close_code, connected, get, say, serving, told, transcript
from tests.sidecars.speech import words

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[str]:
    async with serving(max_sessions=3) as (_, url):
        yield url


async def sessions(http: str) -> Any:
    return json.loads((await get(f"{http}/debug/sessions"))[1])


async def empty(http: str) -> Any:
    """Waits until nobody is connected and the engine holds nothing."""
    async with asyncio.timeout(5):
        while (now := await sessions(http))["open"] or any(now["held"].values()):  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.05)
    return now


async def finalized(socket: Any, text: str) -> Any:
    await say(socket, text)
    await socket.send_json({"type": "Finalize"})
    return await told(socket, type="Results", from_finalize=True)


async def test_speech_at_8_khz_is_understood_utterance_after_utterance(http: str) -> None:
    async with connected(http) as socket:
        first = await finalized(socket, SAID[0])
        assert words(transcript(first)) == SAID[0]
        assert (first["is_final"], first["speech_final"], first["start"]) == (True, True, 0.0)
        (best,) = first["channel"]["alternatives"]
        assert [words(word["word"]) for word in best["words"]] == SAID[0].split()
        second = await finalized(socket, SAID[1])
        assert words(transcript(second)) == SAID[1]
        assert second["start"] == pytest.approx(first["duration"], abs=0.01)
        assert second["channel"]["alternatives"][0]["words"][0]["start"] > second["start"]


async def test_interim_results_come_only_where_they_are_wanted(http: str) -> None:
    async with connected(http) as socket:
        await say(socket, SAID[0])
        guess = await told(socket, type="Results", is_final=False)
        assert transcript(guess)
        assert guess["metadata"]["request_id"]
    async with connected(http, QUERY.replace("interim_results=true", "interim_results=false")) as socket:
        await say(socket, SAID[0])
        await socket.send_json({"type": "Finalize"})
        assert (await told(socket, type="Results"))["is_final"]


async def test_close_stream_gives_the_rest_and_the_figures_and_closes(http: str) -> None:
    async with connected(http) as socket:
        await say(socket, SAID[2])
        await socket.send_json({"type": "CloseStream"})
        last = await told(socket, type="Results", is_final=True)
        assert (words(transcript(last)), last["from_finalize"]) == (SAID[2], False)
        figures = await told(socket, type="Metadata")
        assert figures["duration"] == pytest.approx(last["duration"], abs=0.001)
        assert len(figures["sha256"]) == 64
        assert await close_code(socket) == aiohttp.WSCloseCode.OK


async def test_a_cancel_frees_the_engine_and_says_so_and_the_next_utterance_is_heard(http: str) -> None:
    await empty(http)
    async with connected(http) as other, connected(http) as socket:
        assert socket._response.headers[listen_dialect.EXTENSIONS_HEADER] == "Cancel"
        await say(other, SAID[1])
        await say(socket, SAID[0])
        await told(other, type="Results")
        await told(socket, type="Results")
        await socket.send_json({"type": "Cancel"})
        cancelled = await told(socket, type="Cancelled")
        assert cancelled["released"] == {"held": {"sessions": 1}, "open": 1}
        assert words(transcript(await finalized(socket, SAID[3]))) == SAID[3]


async def test_a_cancel_overtakes_a_final(http: str) -> None:
    async with connected(http) as socket:
        await say(socket, SAID[0])
        await socket.send_json({"type": "Finalize"})
        await socket.send_json({"type": "Cancel"})
        await told(socket, type="Cancelled")
        await socket.send_json({"type": "Cancel"})
        assert (await told(socket, type="Cancelled"))["released"]["open"] == 0
        await socket.send_json({"type": "Finalize"})
        assert transcript(await told(socket, type="Results", from_finalize=True)) == ""


async def test_without_a_finalize_a_pause_ends_the_utterance(http: str) -> None:
    async with connected(http, QUERY.replace("&endpointing=false", "&endpointing=300")) as socket:
        for text in SAID[:2]:
            await say(socket, text)  # it ends in half a second of silence
            for _ in range(20):
                await socket.send_bytes(bytes(320))
            final = await told(socket, type="Results", is_final=True)
            assert (words(transcript(final)), final["speech_final"], final["from_finalize"]) == (text, True, False)


async def test_one_session_too_many_is_refused_and_the_others_never_notice(http: str) -> None:
    await empty(http)
    async with connected(http) as first, connected(http), connected(http):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connected(http).__aenter__()
        assert refused.value.status == 503
        status, body = await get(f"{http}/v1/listen?{QUERY}")
        assert (status, json.loads(body)["err_code"]) == (503, "TOO_MANY_SESSIONS")
        assert "3 sessions are open" in json.loads(body)["err_msg"]
        assert words(transcript(await finalized(first, SAID[0]))) == SAID[0]


@pytest.mark.long
async def test_a_client_that_stops_sending_is_let_go_and_one_that_keeps_alive_is_not() -> None:
    async with serving(idle_s=1.0) as (_, http), connected(http) as silent, connected(http) as alive:
        for _ in range(6):
            await asyncio.sleep(0.3)
            await alive.send_json({"type": "KeepAlive"})
        messages = [json.loads(message.data) async for message in silent]
        assert "neither audio nor a KeepAlive for 1 s" in messages[-1]["description"]
        assert silent.close_code == aiohttp.WSCloseCode.INTERNAL_ERROR
        assert (await sessions(http))["open"] == 1


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"odd", "3 bytes: not whole 16-bit samples"),
        (bytes(10_000_000), "10000000 bytes at once: 0.96 MB"),
        ("hello", "not JSON; audio is sent in binary messages"),
        ('{"type": "Sing"}', "no such message"),
    ],
)
async def test_a_bad_message_is_told_so_and_costs_its_session_alone(
    http: str, message: str | bytes, complaint: str
) -> None:
    async with connected(http) as other, connected(http) as socket:
        await say(other, SAID[0])
        await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_str(message))
        with pytest.raises(AssertionError, match=complaint):
            await told(socket, type="nothing")
        assert await close_code(socket) == aiohttp.WSCloseCode.POLICY_VIOLATION
        await other.send_json({"type": "Finalize"})
        assert words(transcript(await told(other, type="Results", from_finalize=True))) == SAID[0]


async def test_a_bad_query_is_refused_before_the_upgrade(http: str) -> None:
    status, body = await get(f"{http}/v1/listen?{QUERY.replace('8000', '7999')}")
    assert (status, json.loads(body)["err_code"]) == (400, "BAD_REQUEST")
    status, body = await get(f"{http}/v1/listen?{QUERY}")
    assert (status, json.loads(body)["err_code"]) == (426, "NOT_A_WEBSOCKET")


def cut_off(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Ends the connection without a word, as a client does that is killed."""
    connection = socket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()


async def test_clients_that_vanish_leave_nothing_behind(http: str) -> None:
    await empty(http)
    for number in range(20):
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{http}/v1/listen?{QUERY}")
            await say(socket, SAID[0])
            cut_off(socket)
        if number % 3 == 2:
            await empty(http)
    now = await empty(http)
    assert now["held"] == {"sessions": 0}
    assert now["bytes"]["waiting"] == 0
    assert now["bytes"]["resident"] > 1e6


async def test_what_a_supervisor_can_ask(http: str) -> None:
    status, body = await get(f"{http}/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    async with connected(http) as socket:
        await say(socket, SAID[0])
        await told(socket, type="Results")
        now = await sessions(http)
        assert (now["open"], now["held"]) == (1, {"sessions": 1})
        assert now["sessions"][0]["heard_samples"] > 8000
        _, metrics = await get(f"{http}/metrics")
    lines = metrics.splitlines()
    assert "listen_sessions_open 1.0" in lines
    assert 'listen_engine_held{store="sessions"} 1.0' in lines
    assert any(line.startswith("listen_waiting_seconds ") for line in lines)
    assert any(line.startswith("listen_step_seconds_count ") for line in lines)
    assert any(line.startswith('listen_refused_total{reason="BAD_REQUEST"}') for line in lines)


@pytest.mark.long
async def test_a_token_is_asked_for_where_there_is_one() -> None:
    async with serving(token="s3cret") as (_, http):
        assert (await get(f"{http}/healthz"))[0] == 200
        for headers in ({}, {"Authorization": "Token wrong"}, {"Authorization": "s3cret"}):
            assert (await get(f"{http}/debug/sessions", **headers))[0] == 401
            with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
                await connected(http, headers=headers).__aenter__()
        for scheme in ("Token", "Bearer"):
            async with connected(http, headers={"Authorization": f"{scheme} s3cret"}) as socket:
                await socket.send_json({"type": "CloseStream"})
                assert await close_code(socket) == 1000


@pytest.mark.long
async def test_nobody_comes_in_before_the_engine_is_ready() -> None:
    async with serving() as (server, http):
        server.ready = False
        status, body = await get(f"{http}/healthz")
        assert (status, json.loads(body)["status"]) == (503, "loading")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await connected(http).__aenter__()


@pytest.mark.long
async def test_an_engine_that_hangs_is_found_out_by_asking_it() -> None:
    async with serving() as (server, http):
        await server.answers()
        hung = threading.Event()
        hanging = asyncio.create_task(server.host.ask(lambda _: hung.wait(30)))
        asking = asyncio.create_task(server.answers())
        assert (await get(f"{http}/healthz"))[0] == 200  # the loop is running
        assert not asking.done()
        hung.set()
        async with asyncio.timeout(10):
            await asyncio.gather(hanging, asking)
