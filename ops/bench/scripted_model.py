"""A stand-in for a model server: gives scripted answers at a given pace, or fails in a given way. No model is behind
it.

It speaks as much HTTP/1.1 as OpenAI's streaming chat completions need, on a free port of 127.0.0.1. Figures measured
with it are labeled accordingly: the pace is the script's, and the rest is the daemon's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

MODEL = "scripted"
_TOKEN = re.compile(r"\s*\S+")


class Fault(StrEnum):
    """What happens to a request."""

    NONE = "none"
    REFUSED = "500"
    """Answered with an error at once."""
    SILENT = "timeout"
    """Accepted, and never answered."""
    CUT = "cut"
    """The connection breaks in the middle of the answer, within an event."""


@dataclass(slots=True)
class Request:
    """One request and its outcome. Times are the loop's."""

    asked: str
    """The last message of the conversation."""
    at: float
    answer: list[str]
    """Its tokens."""
    sent: int = 0
    """Tokens sent so far."""
    let_go: bool = False
    """Whether the client hung up before the end."""


Answer = Callable[[str], str]
"""The answer to the last message."""


@dataclass(slots=True)
class ScriptedModel:
    """`async with ScriptedModel(answer) as server:` serves at `server.base_url` while the block lasts.

    The first token is sent `first_s` after the request, and each further one `token_s` later; a token is a word with
    the space before it. A request that `fault` names fails instead; `CUT` does so after `cut_after` tokens.

    To imitate different kinds of servers: `serial` takes one request after the other, `deaf` continues an answer whose
    client has hung up, and `counts` reports at `/metrics`, in vLLM's format, how many answers are in progress.
    """

    answer: Answer
    first_s: float = 0.150
    token_s: float = 0.030
    fault: Fault = Fault.NONE
    cut_after: int = 12
    serial: bool = False
    deaf: bool = False
    counts: bool = False
    requests: list[Request] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _running: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._request(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # The client is gone, or does not speak HTTP.
        except asyncio.CancelledError:
            pass  # The server is closing: asyncio's streams would log this as an error.
        finally:
            self._serving.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one request; a connection carries only one."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if not head.startswith("post "):
            shown = self.counts and head.startswith("get /metrics ")
            gauge = f'vllm:num_requests_running{{model_name="{MODEL}"}} {self._running}.0\n'
            await _whole(writer, "200 OK" if shown else "404 Not Found", gauge if shown else "")
            return
        fields = json.loads(body)
        asked = str(fields["messages"][-1].get("content") or "")
        tokens = _TOKEN.findall(self.answer(asked))[: fields.get("max_tokens")]
        request = Request(asked, asyncio.get_running_loop().time(), tokens)
        self.requests.append(request)
        # A client that waits for its answer sends nothing more, unless it hangs up.
        gone, responding = asyncio.create_task(reader.read(1)), asyncio.create_task(self._respond(request, writer))
        try:
            await asyncio.wait({gone, responding}, return_when=asyncio.FIRST_COMPLETED)
            request.let_go = not responding.done()
            if self.deaf:
                await responding
        finally:
            gone.cancel()
            responding.cancel()
            await asyncio.gather(gone, responding, return_exceptions=True)

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> None:
        async with self._turn if self.serial else contextlib.nullcontext():
            self._running += 1
            try:
                await self._give(request, writer)
            finally:
                self._running -= 1

    async def _give(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.fault is Fault.SILENT:
            await asyncio.Event().wait()
        if self.fault is Fault.REFUSED:
            await _whole(writer, "500 Internal Server Error", '{"error": {"message": "a scripted failure"}}')
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n"
        )
        time = asyncio.get_running_loop().time
        begun = time()
        for number, token in enumerate(request.answer):
            await asyncio.sleep(max(0.0, begun + self.first_s + number * self.token_s - time()))
            if request.let_go:
                continue
            event = _event({"content": token})
            if self.fault is Fault.CUT and number == self.cut_after:
                writer.write(b"%x\r\n%s" % (len(event), event[: len(event) // 2]))
                return
            await _chunk(writer, event)
            request.sent += 1
        if not request.let_go:
            await _chunk(writer, _event({}, "stop") + b"data: [DONE]\n\n", b"0\r\n\r\n")


async def _chunk(writer: asyncio.StreamWriter, event: bytes, then: bytes = b"") -> None:
    """One chunk of a chunked body (RFC 9112 section 7.1)."""
    writer.write(b"%x\r\n%s\r\n%s" % (len(event), event, then))
    with contextlib.suppress(ConnectionError):  # The disconnect is handled elsewhere.
        await writer.drain()


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """A server-sent event of a chat completion."""
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    chunk = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(chunk).encode()


async def _whole(writer: asyncio.StreamWriter, status: str, body: str) -> None:
    kind = "application/json" if body.startswith("{") else "text/plain"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())
    await writer.drain()
