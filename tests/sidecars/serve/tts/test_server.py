"""The speech server with real espeak-ng behind it, used by OpenAI's own client and by a plain one."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2 as httpx
import numpy as np
import openai
import pytest
import pytest_asyncio
from aiohttp import web

from sidecars.host.host import Host
from sidecars.local.inline import InlineHost
from sidecars.local.subprocess import SubprocessHost
from sidecars.serve.tts.server import SpeechServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "This is a rather long sentence about nothing, and it goes on. " * 60


@asynccontextmanager
async def serving(host: Host, **options: object) -> AsyncIterator[tuple[str, SpeechServer]]:
    """The address of a server on `host`, which has been started, and the server."""
    server = SpeechServer(host, "espeak", **options)  # type: ignore[arg-type]
    server.ready = True
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", server
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[Host]:
    host = SubprocessHost("tts", "espeak", {})
    await host.start()
    yield host
    await host.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(host: Host) -> AsyncIterator[str]:
    async with serving(host) as (url, _):
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sdk(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def web_client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        yield client


async def metric(url: str, name: str) -> float:
    async with httpx.AsyncClient(base_url=url) as client:
        text = (await client.get("/metrics")).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


async def until_idle(url: str) -> None:
    async with asyncio.timeout(5):
        while await metric(url, "speech_active_requests"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_openai_client_streams_pcm_at_24_khz(sdk: openai.AsyncOpenAI) -> None:
    request = sdk.audio.speech.with_streaming_response.create(
        model="espeak", voice="en-us", input="Hello there, how are you?", response_format="pcm"
    )
    async with request as response:
        assert response.headers["x-sample-rate"] == "24000"
        pieces = [piece async for piece in response.iter_bytes(4096)]
    audio = np.frombuffer(b"".join(pieces), "<i2").astype(float)
    assert 1.0 < len(audio) / 24000 < 2.5
    assert audio.std() > 500
    spectrum = np.abs(np.fft.rfft(audio))
    assert spectrum[-len(spectrum) // 20 :].max() < 0.01 * spectrum.max(), "resampled from 22.05 kHz, and no images"


async def test_the_openai_client_gets_a_wav_that_says_its_rate(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.audio.speech.create(model="tts-1", voice="alloy", input="Hello.", response_format="wav")
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        assert len(file.readframes(10**7)) > 22050 // 2


async def test_speed_and_voice_change_the_speech(sdk: openai.AsyncOpenAI) -> None:
    async def seconds(voice: str, speed: float) -> float:
        text = "How are you today, my friend?"
        answer = await sdk.audio.speech.create(
            model="espeak", voice=voice, input=text, speed=speed, response_format="pcm"
        )
        return len(answer.content) / 48000

    assert await seconds("en-us", 0.75) > 1.5 * await seconds("en-us", 1.5)
    assert await seconds("de", 1.0) != await seconds("en-us", 1.0)


async def test_the_openai_client_lists_the_model(sdk: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()] == ["espeak"]


async def test_the_first_audio_comes_long_before_the_last(sdk: openai.AsyncOpenAI) -> None:
    create = sdk.audio.speech.with_streaming_response.create
    async with create(model="espeak", voice="en-us", input=LONG, response_format="pcm") as response:
        first = await anext(response.iter_bytes())
        assert 0 < len(first) < 24000 * 2 * 30, "of four minutes"


async def test_an_unknown_voice_is_an_error_that_the_openai_client_understands(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.audio.speech.create(model="espeak", voice="nobody", input="Hello.", response_format="pcm")
    assert caught.value.param == "voice"
    assert "nobody" in caught.value.message


async def test_an_unknown_model_is_not_found(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.audio.speech.create(model="gtp", voice="en-us", input="Hello.")
    assert caught.value.code == "model_not_found"


async def test_ten_megabytes_of_text_are_refused_and_the_next_text_is_spoken(web_client: httpx.AsyncClient) -> None:
    huge = await web_client.post("/v1/audio/speech", json={"model": "espeak", "input": "a" * 10_000_000})
    assert (huge.status_code, huge.json()["error"]["type"]) == (413, "invalid_request_error")
    fine = await web_client.post("/v1/audio/speech", json={"model": "espeak", "input": "Hello."})
    assert (fine.status_code, fine.content[:4]) == (200, b"RIFF")


async def test_a_text_without_a_sound_is_an_empty_answer(web_client: httpx.AsyncClient) -> None:
    body = {"model": "espeak", "input": "\U0001f600", "response_format": "pcm"}
    answer = await web_client.post("/v1/audio/speech", json=body)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/audio/speech", 405)])
async def test_what_is_not_served_is_told_in_the_same_shape(
    web_client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await web_client.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]["message"]


async def test_voices_are_listed(web_client: httpx.AsyncClient) -> None:
    assert "en-us" in (await web_client.get("/v1/audio/voices")).json()["voices"]
    assert (await web_client.get("/v1/voices")).json()["voices"][0] == "en-us"


async def test_a_short_text_does_not_wait_for_a_long_one(host: Host) -> None:
    async with serving(host) as (url, _), httpx.AsyncClient(base_url=url, timeout=20) as client:
        ended: list[str] = []

        async def speak(text: str) -> bytes:
            body = {"model": "espeak", "input": text, "response_format": "pcm"}
            answer = await client.post("/v1/audio/speech", json=body)
            ended.append(text)
            return answer.content

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak(LONG))
            await asyncio.sleep(0)
            tasks.create_task(speak("Hello."))
        assert ended == ["Hello.", LONG]


async def test_a_text_that_is_made_in_pieces_keeps_its_pauses(web_client: httpx.AsyncClient) -> None:
    sentence = "This is a sentence of some length, which ends here. "
    body = {"model": "espeak", "response_format": "wav"}
    one = await web_client.post("/v1/audio/speech", json={**body, "input": sentence})
    ten = await web_client.post("/v1/audio/speech", json={**body, "input": sentence * 10})
    assert len(ten.content) == pytest.approx(10 * len(one.content) + 9 * 0.3 * 44100, abs=0.3 * 44100)


async def test_a_client_that_hangs_up_stops_the_engine() -> None:
    host = InlineHost("tts", "espeak", {})  # synthesized piece by piece on demand: the pieces can be counted
    await host.start()
    async with serving(host) as (url, _), httpx.AsyncClient() as client:
        body = {"model": "espeak", "input": LONG, "response_format": "pcm"}
        async with client.stream("POST", f"{url}/v1/audio/speech", json=body) as response:
            await anext(response.aiter_raw())
        await until_idle(url)
        assert host._server is not None
        assert not host._server.busy
        assert await metric(url, 'speech_requests_total{outcome="hung_up"}') == 1
        assert await metric(url, "speech_audio_seconds_total") < 120, "of four minutes"
    await host.close()


async def test_more_requests_than_there_is_room_for_are_told_so_and_the_others_are_served(host: Host) -> None:
    async with serving(host, max_requests=2) as (url, _), httpx.AsyncClient(base_url=url, timeout=20) as client:
        body = {"model": "espeak", "input": LONG, "response_format": "pcm"}
        async with (
            client.stream("POST", "/v1/audio/speech", json=body) as one,
            client.stream("POST", "/v1/audio/speech", json=body),
        ):
            refused = await client.post("/v1/audio/speech", json=body)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert refused.json()["error"]["code"] == "rate_limit_exceeded"
            assert len(await one.aread()) > 2 * 24000 * 120
        await until_idle(url)
        assert (await client.post("/v1/audio/speech", json={**body, "input": "Hi."})).status_code == 200


async def test_who_does_not_bear_the_token_is_let_nowhere_but_to_the_health(host: Host) -> None:
    async with serving(host, token="sesame") as (url, _), httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/healthz")).status_code == 200
        refused: tuple[dict[bytes, bytes], ...] = (
            {},
            {b"Authorization": b"Bearer sesam"},
            {b"Authorization": "Bearer é".encode()},
        )
        for headers in refused:
            answer = await client.get("/v1/models", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert (await client.get("/metrics")).status_code == 401
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sesame") as sdk:
            assert [model.id async for model in sdk.models.list()] == ["espeak"]


async def test_before_the_engine_has_spoken_nothing_is_promised(host: Host) -> None:
    async with serving(host) as (url, server), httpx.AsyncClient(base_url=url) as client:
        server.ready = False
        assert (await client.get("/healthz")).status_code == 503
        answer = await client.post("/v1/audio/speech", json={"model": "espeak", "input": "Hello."})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")


async def test_an_engine_that_dies_cuts_the_text_short_and_speaks_the_next_one() -> None:
    host = SubprocessHost("tts", "espeak", {})
    await host.start()
    async with serving(host) as (url, _), httpx.AsyncClient(base_url=url, timeout=10) as client:
        body = {"model": "espeak", "input": LONG, "response_format": "pcm"}
        with pytest.raises(httpx.RemoteProtocolError):
            async with client.stream("POST", "/v1/audio/speech", json=body) as response:
                async for _ in response.aiter_raw():
                    host._lose("killed")
        await until_idle(url)
        assert (await client.post("/v1/audio/speech", json={**body, "input": "Hi."})).status_code == 200
    await host.close()
