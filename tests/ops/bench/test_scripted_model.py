"""The stand-in for a model server: a third-party client must not be able to tell the difference."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from ops.bench.scripted_model import MODEL, Fault, ScriptedModel
from ops.witness.probe import until

Stream = AsyncStream[ChatCompletionChunk]


@asynccontextmanager
async def client(server: ScriptedModel) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as made:
        yield made


async def ask(client: AsyncOpenAI, text: str = "hello") -> Stream:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": text}]
    return await client.chat.completions.create(model=MODEL, messages=messages, stream=True)


async def texts(stream: Stream) -> list[str]:
    return [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]


async def test_it_says_what_it_is_told_at_its_pace() -> None:
    async with ScriptedModel(lambda asked: f"You said {asked}, I think.", 0.1, 0.02) as server, client(server) as made:
        began = time.monotonic()
        stream = await ask(made, "yes")
        first = await anext(stream)
        took = time.monotonic() - began
        assert first.choices[0].delta.content == "You"
        assert took >= 0.1
        assert await texts(stream) == [" said", " yes,", " I", " think.", ""]
        assert time.monotonic() - began >= 0.1 + 4 * 0.02
    assert [(request.asked, request.sent, request.let_go) for request in server.requests] == [("yes", 5, False)]


async def test_it_knows_when_it_is_hung_up_on() -> None:
    async with ScriptedModel(lambda asked: "on " * 500, 0.0, 0.01) as server, client(server) as made:
        stream = await ask(made)
        await anext(stream)
        await stream.close()
        await until(lambda: server.requests[0].let_go)
    assert server.requests[0].sent < 100


async def test_it_fails_as_it_is_told() -> None:
    async with ScriptedModel(lambda asked: "a b c d e f", 0.0, 0.0, cut_after=3) as server, client(server) as made:
        server.fault = Fault.REFUSED
        with pytest.raises(APIStatusError):
            await ask(made)
        server.fault = Fault.CUT
        stream = await ask(made)
        got: list[str] = []
        with pytest.raises(APIConnectionError):
            async for chunk in stream:
                got.append(chunk.choices[0].delta.content or "")
        assert got == ["a", " b", " c"]
        server.fault = Fault.SILENT
        with pytest.raises(APITimeoutError):
            await made.with_options(timeout=0.2).chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "?"}], stream=True
            )
