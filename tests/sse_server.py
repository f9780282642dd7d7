"""A model server that follows a script: OpenAI's chat completions over real HTTP, with every possible fault.

It has no model, and imitates no server in particular: it exists because no real server can be made to stall, to cut a
stream in the middle of a character, or to send a line of ten megabytes when a test needs that.

    async with SseServer() as server:
        server.answers(says("Hello there."), status(500), says("We ", Stall()))
        …                             # requests get these answers in turn; the last one is repeated
        server.requests               # the requests so far

Its other endpoint, `/hook/NAME`, is a webhook that is scripted in the same way. `SseTransport` is the same without
sockets, for calls on the sample clock: the client is still the real one.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2 as httpx
from aiohttp import web


@dataclass(frozen=True)
class Stall:
    """Sends nothing for this long; None: until the client hangs up."""

    seconds: float | None = None


@dataclass(frozen=True)
class Cut:
    """The connection is reset."""


Step = bytes | Stall | Cut


@dataclass(frozen=True)
class Answer:
    """Status and headers, and the body in steps, each of which is a separate write."""

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    first: Stall | None = None
    """Before the headers."""


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One server-sent event with a chunk of a chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def says(*parts: str | Step, finish: str = "stop", each_s: float = 0.0, first_s: float = 0.0) -> Answer:
    """An answer that streams texts word by word. Steps among the parts are kept as they are; an answer that is cut or
    stalls for good has no end.
    """
    steps: list[Step] = [event({"role": "assistant", "content": ""})]
    if first_s:
        steps.append(Stall(first_s))
    for part in parts:
        if isinstance(part, str):
            for token in re.findall(r"\s*\S+\s*$|\s*\S+", part):
                steps.append(event({"content": token}))
                if each_s:
                    steps.append(Stall(each_s))
        else:
            steps.append(part)
    if not isinstance(parts[-1] if parts else "", Cut):
        steps += [event({}, finish), DONE]
    return Answer(tuple(steps))


def calls(
    name: str, arguments: str, *, before: str = "", pieces: int = 5, more: Sequence[tuple[str, str]] = ()
) -> Answer:
    """An answer that calls a tool, with its arguments in pieces; `more`: further tools, as name and arguments."""
    steps: list[Step] = [event({"content": token}) for token in re.findall(r"\s*\S+", before)]
    for index, (called, text) in enumerate([(name, arguments), *more]):
        opening = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": called, "arguments": ""}}
        steps.append(event({"tool_calls": [opening]}))
        size = max(1, -(-len(text) // pieces))
        for start in range(0, len(text), size):
            piece = {"index": index, "function": {"arguments": text[start : start + size]}}
            steps.append(event({"tool_calls": [piece]}))
    return Answer((*steps, event({}, "tool_calls"), DONE))


def status(code: int, message: str = "no", **headers: str) -> Answer:
    """An error in OpenAI's form."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    return Answer((body,), code, {"Content-Type": "application/json", **headers})


class SseServer:
    """Listens on loopback; a client gets `base_url`."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hooks: list[tuple[str, str, dict[str, Any], dict[str, str]]] = []
        """Webhook requests: name, method, arguments, headers."""
        self.open = 0
        """Answers in progress."""
        self.most_open = 0
        """The most at the same time."""
        self.dropped = 0
        """Answers that the client hung up on."""
        self.connections: set[object] = set()
        """Peers that have connected, by address."""
        self._answers: list[Answer] = [says("Hello.")]
        self._hooks: list[Answer] = [Answer((b'{"ok": true}',), 200, {"Content-Type": "application/json"})]

    def answers(self, *answers: Answer) -> None:
        self._answers = list(answers)

    def hook_answers(self, *answers: Answer) -> None:
        self._hooks = list(answers)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_route("*", "/hook/{name}", self._hook)
        # A handler is cancelled when its client hangs up: that is how this server notices.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def hook_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/hook/{name}"

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        return await self._play(request, self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        arguments = dict(request.query) if request.method == "GET" else await request.json()
        self.hooks.append((request.match_info["name"], request.method, arguments, dict(request.headers)))
        return await self._play(request, self._hooks.pop(0) if len(self._hooks) > 1 else self._hooks[0])

    async def _play(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        self.connections.add(transport.get_extra_info("peername"))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await _wait(answer.first)
            response = web.StreamResponse(status=answer.status, headers=answer.headers)
            await response.prepare(request)
            for step in answer.steps:
                if isinstance(step, Stall):
                    await _wait(step)
                elif isinstance(step, Cut):
                    # What was written is on its way; then nothing follows, not even the end of the body.
                    await asyncio.sleep(0.01)
                    transport.close()
                    return response
                else:
                    await response.write(step)
            await response.write_eof()
            return response
        except (asyncio.CancelledError, ConnectionError):
            self.dropped += 1
            raise
        finally:
            self.open -= 1


class SseTransport(httpx.AsyncBaseTransport):
    """Answers a client in its own process: chats by `answers`, anything else by `hook_answers`, in turn."""

    def __init__(self, *answers: Answer, hook_answers: Sequence[Answer] = ()) -> None:
        self.requests: list[dict[str, Any]] = []
        self.hooks: list[dict[str, Any]] = []
        self.dropped = 0
        """Answers that the client hung up on."""
        self._answers, self._hooks = list(answers), list(hook_answers)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        chat = request.url.path.endswith("/chat/completions")
        (self.requests if chat else self.hooks).append(json.loads(await request.aread()))
        waiting = self._answers if chat else self._hooks
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        try:
            await _wait(answer.first)
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Steps(self, answer.steps))


class _Steps(httpx.AsyncByteStream):
    def __init__(self, transport: SseTransport, steps: Sequence[Step]) -> None:
        self._transport = transport
        self._steps = steps
        self._sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, Stall):
                await _wait(step)
            elif isinstance(step, Cut):
                raise httpx.ReadError("cut")
            else:
                yield step
            self._sent += 1

    async def aclose(self) -> None:
        self._transport.dropped += self._sent < len(self._steps)
        self._sent = len(self._steps)


async def _wait(stall: Stall | None) -> None:
    if stall is not None:
        await asyncio.sleep(3600.0 if stall.seconds is None else stall.seconds)
