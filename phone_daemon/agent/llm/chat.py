"""One request to a model server: OpenAI's chat completions, streamed, with a limit on every wait.

It works with vLLM, llama.cpp, Ollama, OpenAI, and `transformers serve`; since some of them refuse unknown fields, few
fields are sent. Closing the stream closes its connection, which tells the server to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import openai

from phone_daemon.agent.llm.answer_stream import Delta, NotAnAnswer, deltas
from phone_daemon.agent.llm.thinking import Thinking
from phone_daemon.dialplan.model import Model
from phone_daemon.dialplan.tools import Tool

MAX_CALLS = 8
"""Most tools that one answer may call; further calls are ignored."""
MAX_ARGUMENTS = 20_000
"""Most characters of a call's arguments."""

_REFUSALS = (400, 401, 403, 404, 405, 413, 422)
"""HTTP statuses with which a repeated request would meet again."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text to speak."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of reasoning, which is not spoken: the model is alive, but has nothing to say yet."""


@dataclass(slots=True)
class ToolCall:
    """A tool call by the model, assembled from pieces."""

    id: str
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The model reports that its answer is complete."""

    calls: tuple[ToolCall, ...] = ()
    reason: str = ""
    """`stop`, `length`, `tool_calls`…"""


Piece = Words | Thought | End


class ModelFailed(Exception):
    """A request that got no answer, or only part of one. The message is one line without anything that was said."""

    def __init__(self, what: str, *, refused: bool = False) -> None:
        super().__init__(what)
        self.refused = refused
        """Whether the server will never answer such a request, so that the settings must be fixed."""


class Chat:
    """A model, and the server through which it is reached."""

    def __init__(self, client: openai.AsyncOpenAI, model: Model, report: Callable[[ModelFailed | None], None]) -> None:
        """`report` is called with how each request ended: None if it was answered."""
        self.model = model
        self._client = client
        self._report = report
        self._server = str(client.base_url)
        self._wait = httpx.Timeout(None, connect=model.connect_s, pool=model.connect_s)
        self._limit = "max_tokens"

    async def answer(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """The model's answer as it comes; its last piece is an `End`. Raises `ModelFailed`.

        `aclose()`, or cancelling the task that waits for a piece, closes the connection.
        """
        response: Any = None
        deadline = asyncio.get_running_loop().time() + self.model.first_token_s
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._open(messages, tools)
            async with (
                contextlib.aclosing(deltas(response.iter_bytes())) as chunks,
                contextlib.aclosing(self._pieces(chunks, deadline)) as pieces,
            ):
                async for piece in pieces:
                    if isinstance(piece, End):
                        self._report(None)
                    yield piece
        except Exception as error:
            failure = self._failure(error)
            self._report(failure)
            raise failure from error
        finally:
            if response is not None:
                await response.close()

    async def _open(self, messages: Sequence[dict[str, Any]], tools: Sequence[Tool]) -> Any:
        """The client's response, once its headers have come."""
        model = self.model
        create: Callable[..., Any] = self._client.chat.completions.with_streaming_response.create
        fields: dict[str, Any] = {self._limit: model.max_tokens} if model.max_tokens else {}
        if model.temperature is not None:
            fields["temperature"] = model.temperature
        if tools:
            fields["tools"] = [tool.declared() for tool in tools]
        try:
            return await create(
                model=model.model,
                messages=list(messages),
                stream=True,
                timeout=self._wait,
                extra_body=dict(model.extra) or None,
                **fields,
            ).__aenter__()
        except openai.BadRequestError as error:
            if self._limit not in fields or "max_completion_tokens" not in error.message:
                raise
            # OpenAI's newer models have another name for the limit, which other servers do not know.
            self._limit = "max_completion_tokens"
            return await self._open(messages, tools)

    async def _pieces(self, chunks: AsyncGenerator[Delta, None], deadline: float) -> AsyncGenerator[Piece, None]:
        """The pieces as they come; the first must come before `deadline`, by the loop's clock."""
        time = asyncio.get_running_loop().time
        thinking = Thinking(self.model.thinking)
        calls = _Calls()
        reason, begun = "", False
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    delta = await anext(chunks, None)
            except TimeoutError:
                what = f"no more tokens for {self.model.stall_s:g} s" if begun else self._late()
                raise ModelFailed(f"{self._server}: {what}") from None
            if delta is None:
                break
            reason = delta.reason or reason
            calls.add(delta.calls)
            spoken = thinking.feed(delta.text)
            if spoken:
                yield Words(spoken)
            elif delta.text or delta.calls or delta.reasoning:
                yield Thought()
            else:
                continue  # only a role, or a keep-alive: the model has not said anything yet
            deadline, begun = time() + self.model.stall_s, True
        if rest := thinking.flush():
            yield Words(rest)
        if not reason and not begun:
            raise ModelFailed(f"{self._server}: the stream ended before the answer began")
        # A broken connection is an error; some servers end complete answers without giving a reason.
        yield End(tuple(calls.made), reason or "stop")

    def _late(self) -> str:
        return f"no token within llm.first_token_s = {self.model.first_token_s:g} s"

    def _failure(self, error: Exception) -> ModelFailed:  # noqa: PLR0911
        """What `error` means, in one line, for a log that outsiders may read."""
        server = self._server
        if isinstance(error, ModelFailed):
            return error
        if isinstance(error, TimeoutError):
            return ModelFailed(f"{server}: {self._late()}")
        if isinstance(error, openai.APIStatusError):
            what = f"{server}: HTTP {error.status_code} for model {self.model.model!r}: {_reason(error)}"
            return ModelFailed(what, refused=error.status_code in _REFUSALS)
        if isinstance(error, openai.APITimeoutError):
            return ModelFailed(f"{server}: no connection within {self.model.connect_s:g} s")
        if isinstance(error, openai.APIConnectionError):
            return ModelFailed(f"{server}: cannot be reached: {error.__cause__ or error}")
        if isinstance(error, NotAnAnswer):
            return ModelFailed(f"{server}: {_line(str(error))}")
        if isinstance(error, httpx.HTTPError):
            return ModelFailed(f"{server}: the stream broke off: {error or type(error).__name__}")
        return ModelFailed(f"{server}: {type(error).__name__}")


class _Calls:
    """Collects tool calls, whose pieces come with an index."""

    def __init__(self) -> None:
        self.made: list[ToolCall] = []
        self._open: dict[object, ToolCall] = {}

    def add(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        for piece in pieces:
            index, id = piece.get("index"), str(piece.get("id") or "")
            function = piece.get("function")
            name, arguments = (
                (function.get("name"), function.get("arguments")) if isinstance(function, Mapping) else ("", "")
            )
            # Some servers send several complete calls under one index.
            call = self._open.get(index)
            if call is None or (id and call.id and id != call.id):
                if len(self.made) == MAX_CALLS:
                    continue
                call = self._open[index] = ToolCall(id)
                self.made.append(call)
            call.id = call.id or id
            call.name = call.name or str(name or "")
            call.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
            if len(call.arguments) > MAX_ARGUMENTS:
                raise ModelFailed("a tool call's arguments are too long")


def _reason(error: openai.APIStatusError) -> str:
    """The server's own explanation of the error."""
    body = error.body
    said = body.get("message") or body.get("detail") if isinstance(body, dict) else body
    return _line(said if isinstance(said, str) and said else error.response.reason_phrase)


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
