"""Clients that send nothing, half a request, or a head without an end, beside those that do as they should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect

from phone_daemon.web import deadline
from phone_daemon.web.listener import listen
from tests.wire.calls import PATIENCE_S

WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
WAIT_S = 0.2


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server that answers with two parts, the second of them long after the deadline."""
    monkeypatch.setattr(deadline, "HEAD_S", WAIT_S)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                await send({"type": "websocket.send", "text": "still here"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await asyncio.sleep(2 * WAIT_S)
        await send({"type": "http.response.body", "body": b"b"})

    options: dict[str, Any] = {"http": deadline.HttpWithDeadline, "ws": "websockets-sansio", "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_keep_alive=60, **options))
    with listen("127.0.0.1", 0) as listener:
        running = asyncio.create_task(server._serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await running


@pytest.mark.parametrize("sent", [b"", WHOLE[:20], b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000])
async def test_who_sends_no_whole_request_is_let_go(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    async with serving(monkeypatch) as port, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_byte_now_and_then_gains_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(WAIT_S / 4)
                if reader.at_eof():
                    raise ConnectionResetError
        writer.close()


async def test_an_answer_may_take_long_and_so_may_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not the rest of a request that has begun."""
    async with serving(monkeypatch) as port, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(WHOLE)
            assert (await reader.readuntil(b"ab")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * WAIT_S)
        writer.write(WHOLE[:20])
        assert await reader.read() == b""
        writer.close()


async def test_the_rest_of_a_body_is_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is answered before it has sent all of its body still reads the answer."""
    body = 4 * deadline.MAX_HEAD
    async with serving(monkeypatch) as port, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % body)
        assert (await reader.readuntil(b"ab")).startswith(b"HTTP/1.1 200")
        writer.write(bytes(body) + WHOLE)
        assert (await reader.readuntil(b"ab")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_websocket_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port, connect(f"ws://127.0.0.1:{port}/") as socket:
        await asyncio.sleep(2 * WAIT_S)
        await socket.send("hello")
        assert await socket.recv() == "still here"
