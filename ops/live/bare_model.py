"""A model endpoint with nothing around it: plain chat completion streams through the `openai` SDK."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Self, TypeAlias

import httpx2 as httpx
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, AsyncStream, OpenAIError
from openai.types.chat import ChatCompletionChunk

from ops.live.model_endpoint import Endpoint, EndpointFailed

PROMPT = "Count slowly from one to one thousand, in words. Do not stop, and say nothing else."
LENGTH = 256
"""`max_tokens` of a stream, where it ends if nobody closes it."""
TOKENS = 3
"""Pieces to read before a stream is closed, so that it is surely under way."""
STREAM_S = 120.0
"""A stream that is silent for this long has failed."""
CLOSE_S = 5.0
"""A stream that takes longer than this to close has failed."""

Stream: TypeAlias = AsyncStream[ChatCompletionChunk]
Running = Callable[[], Awaitable[float]]

_GAUGES = ("vllm:num_requests_running", "llamacpp:requests_processing", "sglang:num_running_reqs")


class BareModel:
    """`async with BareModel(endpoint) as model: stream, _ = await model.begin()`. Raises `EndpointFailed`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = endpoint.model
        self._where = endpoint.base_url
        self._client = AsyncOpenAI(
            base_url=endpoint.base_url, api_key=endpoint.api_key, max_retries=0, timeout=httpx.Timeout(STREAM_S)
        )
        self._http = httpx.AsyncClient(base_url=endpoint.base_url.rstrip("/").removesuffix("/v1"), timeout=5.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._http.aclose()

    async def open(self, length: int = LENGTH) -> Stream:
        """A new stream of up to `length` tokens, of which nothing has been read."""
        try:
            return await self._client.chat.completions.create(
                model=self._model,
                messages=[{"role": "user", "content": PROMPT}],
                max_tokens=length,
                stream=True,
            )
        except OpenAIError as error:
            raise EndpointFailed(f"{self._where}: {blame(error)}") from None

    async def begin(self, tokens: int = TOKENS) -> tuple[Stream, float]:
        """A stream that is under way, and the seconds until it was."""
        began = time.perf_counter()
        stream = await self.open()
        read = await self.read(stream, tokens)
        took = time.perf_counter() - began
        if read < tokens:
            await stream.close()
            raise EndpointFailed(f"{self._where}: a stream ended after {read} tokens: there was nothing left to close")
        return stream, took

    async def read(self, stream: Stream, tokens: int | None = None) -> int:
        """Reads `pieces` pieces, or to the end; returns how many there were."""
        count = 0
        try:
            async for chunk in stream:
                count += _says(chunk)
                if count == tokens:
                    break
        except (OpenAIError, httpx.HTTPError) as error:
            raise EndpointFailed(f"{self._where}: {blame(error)}") from None
        return count

    async def close(self, stream: Stream) -> float:
        """Closes a stream; returns the milliseconds that this took."""
        began = time.perf_counter_ns()
        try:
            async with asyncio.timeout(CLOSE_S):
                await stream.close()
        except TimeoutError:
            raise EndpointFailed(f"{self._where}: a stream did not close within {CLOSE_S:g} s") from None
        return (time.perf_counter_ns() - began) / 1e6

    async def short(self) -> float:
        """Seconds that a stream of a few tokens takes; it is read to its end, so it leaves nothing running."""
        began = time.perf_counter()
        await self.read(await self.open(2 * TOKENS))
        return time.perf_counter() - began

    async def rest(self) -> float:
        """Seconds for which a stream would continue if nobody closed it at the point where the measurement does."""
        stream, _ = await self.begin()
        began = time.perf_counter()
        await self.read(stream)
        return time.perf_counter() - began

    async def running(self) -> Running | None:
        """How many requests the server reports as running; None if it does not report this."""
        for ask in (self._metrics, self._slots):
            try:
                await ask()
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                continue
            return ask
        return None

    async def _metrics(self) -> float:
        """Parses Prometheus text. Raises `ValueError` if it contains none of the gauges."""
        answer = (await self._http.get("/metrics")).raise_for_status().text
        values = [float(line.rsplit(" ", 1)[1]) for line in answer.splitlines() if line.startswith(_GAUGES)]
        if not values:
            raise ValueError("no gauge of running requests")
        return sum(values)

    async def _slots(self) -> float:
        """The number of busy slots of llama.cpp, which serves metrics only when told to."""
        slots = (await self._http.get("/slots")).raise_for_status().json()
        return sum(bool(slot["is_processing"]) for slot in slots)


def _says(chunk: ChatCompletionChunk) -> bool:
    """Whether the piece contains text, spoken or thought."""
    deltas = [choice.delta for choice in chunk.choices]
    return any(
        delta.content or getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        for delta in deltas
    )


def blame(error: Exception) -> str:
    """The cause, in one line."""
    match error:
        case APITimeoutError():
            return f"no answer within {STREAM_S:g} s"
        case APIConnectionError():
            return "no answer; is the model server running?"
        case APIStatusError():
            return f"it answers {error.status_code}: {' '.join((error.response.text or error.message).split())[:200]}"
    return f"{type(error).__name__}: {error}"
