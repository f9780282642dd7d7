"""A speech server as a voice: our own, with real espeak-ng behind it, and one that misbehaves by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sidecars.host.host import HostLost
from sidecars.local.inline import InlineHost
from sidecars.remote.speech_client import SpeechSource
from sidecars.remote.tts_host import RemoteHost
from sidecars.serve.tts.server import SpeechServer
from tests.sidecars.remote.test_wav_stream import wav
from tests.sidecars.speaking import LONG, speak, told

LOUD = b"\x00\x40" * 2400
"""A tenth of a second of something."""


@asynccontextmanager
async def at(app: web.Application, path: Path | None = None) -> AsyncIterator[str]:
    """The base URL of `app`, served on loopback or on a socket."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        if path is not None:
            await web.UnixSite(runner, str(path)).start()
            yield f"unix://{path}"
        else:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def ours(path: Path | None = None, **options: Any) -> AsyncIterator[tuple[str, InlineHost]]:
    host = InlineHost("tts", "espeak", {})
    await host.start()
    server = SpeechServer(host, "espeak", **options)
    server.ready = True
    async with at(server.app(), path) as url:
        yield url, host
    await host.close()


@asynccontextmanager
async def voice(url: str, key: str = "", start_s: float = 10.0, **options: object) -> AsyncIterator[RemoteHost]:
    host = RemoteHost(SpeechSource(url, options, key=key, key_name="SPEECH_KEY"), start_timeout_s=start_s)
    try:
        await host.start()
        yield host
    finally:
        await host.close()


async def test_a_text_is_spoken_in_chunks_and_then_done() -> None:
    async with ours() as (url, _), voice(url) as host:
        assert (host.sample_rate, host.problem) == (24000, "")
        assert "en-us+f5" in host.voices
        channel = host.open()
        speak(channel, "Hello there. How are you?")
        messages, audio = await told(channel)
        assert [message["type"] for message in messages] == ["Chunk"] * (len(messages) - 1) + ["Done"]
        assert 1.0 < len(audio) / 48000 < 3.0


async def test_texts_are_spoken_in_order_and_over_one_connection() -> None:
    async with ours() as (url, _), voice(url) as host:
        channel = host.open()
        for text in ("One.", "Two.", "Three."):
            speak(channel, text)
        for _ in range(3):
            assert (await told(channel))[1]
        source: Any = host._source
        assert len(source._client._transport._pool.connections) == 1


async def test_voice_and_rate_reach_the_server() -> None:
    async with ours() as (url, _), voice(url) as host:
        channel = host.open()
        sizes = []
        for options in ({"rate": 0.7}, {"rate": 1.5}, {"voice": "de"}):
            speak(channel, "Hello there, how are you?", **options)
            sizes.append(len((await told(channel))[1]))
        assert sizes[0] > 1.5 * sizes[1]
        assert sizes[2] not in sizes[:2]


async def test_a_cancel_is_answered_once_stops_the_server_and_nothing_follows_it() -> None:
    async with ours() as (url, engine), voice(url) as host:
        channel = host.open()
        speak(channel, LONG)
        speak(channel, "Never said.")
        await channel.receive()
        channel.send({"type": "Cancel"})
        channel.send({"type": "Cancel"})
        speak(channel, "Next.")
        messages, _ = await told(channel)
        kinds = [message["type"] for message in messages if message["type"] != "Chunk"]
        assert kinds == ["Cancelled", "Cancelled", "Done"]
        assert engine._server is not None
        assert not engine._server.busy


async def test_a_closed_channel_stops_the_server() -> None:
    async with ours() as (url, engine), voice(url) as host:
        channel = host.open()
        speak(channel, LONG)
        await channel.receive()
        channel.close()
        async with asyncio.timeout(5):
            while engine._server is None or engine._server.busy:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not host._conversations


async def test_a_text_that_the_server_refuses_loses_its_channel_and_no_other() -> None:
    async with ours() as (url, _), voice(url, voice="en-us") as host:
        channel, other = host.open(), host.open()
        speak(channel, "x" * 5000)
        with pytest.raises(HostLost, match="4096 is the most"):
            await told(channel)
        speak(other, "Fine.")
        assert (await told(other))[1]


async def test_a_server_on_a_socket_is_reached(tmp_path: Path) -> None:
    async with ours(tmp_path / "s") as (url, _), voice(url) as host:
        channel = host.open()
        speak(channel, "Hello.")
        assert (await told(channel))[1]


async def test_the_key_is_borne_and_a_wrong_one_is_named_by_its_variable_only() -> None:
    async with ours(token="sesame") as (url, _):
        async with voice(url, key="sesame") as host:
            assert host.sample_rate
        with pytest.raises(HostLost, match="answers 401: SPEECH_KEY is refused") as caught:
            async with voice(url, key="secret-key"):
                pass
        assert "secret-key" not in str(caught.value)


async def test_a_server_that_cannot_be_reached_is_named() -> None:
    async with ours() as (url, _):
        pass
    with pytest.raises(HostLost, match=url):
        async with voice(url):
            pass


# ------------------------------------------------------------------------------- a server that is only a script

Answer = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[str]:
    """A server without an engine: it answers the probe with a loud noise, and any other text as `answer` says."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        return web.Response(body=LOUD) if asked["input"] == "Yes." else await answer(request, asked)

    app = web.Application()
    app.router.add_post("/v1/audio/speech", handle)
    async with at(app) as url:
        yield url


async def streamed(request: web.Request, *pieces: bytes, **headers: str) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0)
    return response


async def said(url: str, **options: Any) -> bytes:
    async with voice(url, **options) as host:
        channel = host.open()
        speak(channel, "Hello.")
        return (await told(channel))[1]


async def lost(url: str) -> str:
    """Why the channel is lost."""
    async with voice(url) as host:
        channel = host.open()
        speak(channel, "Hello.")
        with pytest.raises(HostLost) as caught:
            await told(channel)
        assert not host._conversations
    return str(caught.value)


async def test_samples_cut_in_half_are_put_together() -> None:
    async with scripted(lambda request, _: streamed(request, LOUD[:3], LOUD[3:10], LOUD[10:])) as url:
        assert await said(url) == LOUD


@pytest.mark.parametrize("told_by", [{"X-Sample-Rate": "16000"}, {"Content-Type": "audio/pcm;rate=16000"}])
async def test_another_rate_is_believed_where_the_server_says_it(told_by: dict[str, str]) -> None:
    async with scripted(lambda request, _: streamed(request, LOUD, **told_by)) as url:
        assert len(await said(url)) == len(LOUD) * 24 // 16


async def test_a_wav_header_is_believed_and_not_heard() -> None:
    async with scripted(lambda request, _: streamed(request, wav(LOUD, rate=24000))) as url:
        assert await said(url, response_format="wav") == LOUD


async def test_the_fields_of_the_settings_are_sent_as_they_are() -> None:
    asked: list[dict[str, Any]] = []

    async def answer(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        asked.append(body)
        return await streamed(request, LOUD)

    async with scripted(answer) as url:
        await said(url, model="kokoro", voice="af_sky", instructions="Be calm.")
    assert asked == [
        {"model": "kokoro", "response_format": "pcm", "instructions": "Be calm.", "input": "Hello.", "voice": "af_sky"}
    ]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, '{"error": {"message": "out of memory"}}', "answers 500: out of memory"),
        (503, "", "answers 503: Service Unavailable"),
        (404, "[]", "answers 404: Not Found"),
        (429, "{}", "answers 429: Too Many Requests"),
        (403, '{"error": {"message": "your key is abc"}}', "answers 403: SPEECH_KEY is refused"),
    ],
)
async def test_a_server_that_does_not_serve_loses_the_channel(status: int, body: str, says: str) -> None:
    async def answer(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    async with scripted(answer) as url:
        assert says in await lost(url)


async def test_compressed_audio_is_never_taken_for_samples() -> None:
    async with scripted(lambda request, _: streamed(request, LOUD, **{"Content-Type": "audio/mpeg"})) as url:
        assert "audio/mpeg" in await lost(url)


async def test_a_server_that_goes_away_in_the_middle_loses_the_channel_after_what_was_said() -> None:
    async def answer(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        response = await streamed(request, LOUD)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with scripted(answer) as url:
        assert "speech server" in await lost(url)


async def test_an_idle_connection_that_the_server_has_closed_is_no_fault() -> None:
    """A server may close a connection at the very moment in which it is used again."""
    cut: list[bool] = []

    async def answer(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        if not cut:
            cut.append(True)
            assert request.transport is not None
            request.transport.abort()
        return await streamed(request, LOUD)

    async with scripted(answer) as url:
        assert await said(url) == LOUD


async def test_a_server_that_never_answers_does_not_hold_the_start_up() -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", never)
    async with at(app) as url:
        with pytest.raises(HostLost, match=r"no speech within 0\.5 s"):
            async with voice(url, start_s=0.5):
                pass
