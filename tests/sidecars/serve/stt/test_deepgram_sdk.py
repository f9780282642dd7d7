"""The unmodified deepgram-sdk, connected to a server of ours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results

from tests.sidecars.clinic import SAID
from tests.sidecars.serve.stt.servers import serving
from tests.sidecars.speech import caller, wide, words


def client(http: str, key: str) -> AsyncDeepgramClient:
    ws = http.replace("http", "ws")
    here = DeepgramClientEnvironment(base=http, production=ws, agent=ws, agent_rest=http)
    return AsyncDeepgramClient(api_key=key, environment=here)


async def said_by(http: str, rate: int, *utterances: bytes, **query: Any) -> list[Any]:
    """Every message that the SDK passes to its user, for a connection that sends these and closes the stream."""
    told: list[Any] = []
    news, closed = asyncio.Event(), asyncio.Event()
    asked = {"model": "nova-3", "encoding": "linear16", "sample_rate": rate, "channels": 1, **query}
    async with client(http, "s3cret").listen.v1.connect(
        **asked, request_options={"additional_query_parameters": {"grammar": "clinic"}}
    ) as connection:
        connection.on(EventType.MESSAGE, told.append)
        connection.on(EventType.MESSAGE, lambda _: news.set())
        connection.on(EventType.ERROR, told.append)
        connection.on(EventType.CLOSE, lambda _: closed.set())
        listening = asyncio.create_task(connection.start_listening())
        for audio in utterances:
            news.clear()
            for begin in range(0, len(audio), 640):
                await connection.send_media(audio[begin : begin + 640])
            await connection.send_keep_alive()
            if query.get("interim_results"):
                async with asyncio.timeout(20):
                    await news.wait()  # a final overtakes the partials that are still queued
            await connection.send_finalize()
        await connection.send_close_stream()
        async with asyncio.timeout(20):
            await closed.wait()
        await listening
    return told


def finals(told: Any) -> Any:
    return [each for each in told if isinstance(each, ListenV1Results) and each.is_final]


async def test_the_sdk_hears_what_was_said_at_either_rate() -> None:
    async with serving(token="s3cret") as (_, http):
        told = await said_by(
            http, 16000, wide(caller(SAID[0])), wide(caller(SAID[1])), interim_results=True, endpointing=False
        )
        narrow = await said_by(http, 8000, caller(SAID[2]), endpointing=500)
        with pytest.raises(ApiError) as refused:
            async with client(http, "wrong").listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=8000):
                pass
        assert refused.value.status_code == 401

    first, second, rest = finals(told)
    assert [words(each.channel.alternatives[0].transcript) for each in (first, second, rest)] == [SAID[0], SAID[1], ""]
    assert [each.from_finalize for each in (first, second, rest)] == [True, True, False]
    assert any(not each.is_final for each in told if isinstance(each, ListenV1Results))
    assert [words(word.word) for word in first.channel.alternatives[0].words] == SAID[0].split()
    assert isinstance(told[-1], ListenV1Metadata)
    assert told[-1].duration == pytest.approx(second.start + second.duration, abs=0.001)
    spoken = [each.channel.alternatives[0].transcript for each in finals(narrow)]
    assert words(" ".join(spoken)) == SAID[2]
    # The SDK builds its objects from anything that it receives: check that nothing is missing or extra.
    for each in told[:-1]:
        ListenV1Results.model_validate(each.model_dump())
    ListenV1Metadata.model_validate(told[-1].model_dump())
