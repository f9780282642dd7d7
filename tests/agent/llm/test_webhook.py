"""Webhooks: how they are called, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx2 as httpx
import pytest

from phone_daemon.agent.agent import Parties
from phone_daemon.agent.llm.http import MAX_LINE, make_client
from phone_daemon.agent.llm.webhook import MAX_BYTES, MAX_CHARACTERS, WebhookFailed, ask
from phone_daemon.dialplan.tools import Webhook
from tests.sse_server import Answer, SseServer, Stall


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with make_client() as client:
        yield client


async def test_a_post_has_the_arguments_as_json(server: SseServer, http: httpx.AsyncClient) -> None:
    assert await ask(http, Webhook(server.hook_url("book")), {"day": "today", "n": 2}, "k3y") == '{"ok": true}'
    name, method, arguments, headers = server.hooks[0]
    assert (name, method, arguments) == ("book", "POST", {"day": "today", "n": 2})
    assert headers["Authorization"] == "Bearer k3y"


async def test_a_webhook_is_told_who_calls_whom(server: SseServer, http: httpx.AsyncClient) -> None:
    parties = Parties("+442079460111", "Zoë Lee", "100")
    await ask(http, Webhook(server.hook_url("book")), {"day": "today"}, parties=parties)
    _, _, arguments, headers = server.hooks[0]
    assert arguments == {"day": "today"}
    assert (headers["X-Caller"], headers["X-Called"], unquote(headers["X-Caller-Name"])) == (
        "+442079460111",
        "100",
        "Zoë Lee",
    )
    await ask(http, Webhook(server.hook_url("book")), {}, parties=Parties())
    assert not any(name.startswith("X-Call") for name in server.hooks[1][3])


async def test_a_get_has_them_as_its_query_beside_its_own(server: SseServer, http: httpx.AsyncClient) -> None:
    hook = Webhook(server.hook_url("book") + "?site=1", "GET")
    await ask(http, hook, {"day": "next tuesday", "n": 2, "open": True})
    assert server.hooks[0][1:3] == ("GET", {"site": "1", "day": "next tuesday", "n": "2", "open": "true"})
    assert "Authorization" not in server.hooks[0][3]


async def test_an_answer_is_cut_to_what_a_model_should_read(server: SseServer, http: httpx.AsyncClient) -> None:
    server.hook_answers(Answer((("é" * 20_000).encode(),)), Answer((), 204))
    assert await ask(http, Webhook(server.hook_url("x")), {}) == "é" * MAX_CHARACTERS
    assert await ask(http, Webhook(server.hook_url("x")), {}) == "done"


async def test_an_answer_that_never_ends_is_not_waited_for(server: SseServer, http: httpx.AsyncClient) -> None:
    server.hook_answers(Answer((b"x" * (MAX_BYTES + 1), Stall())))
    with pytest.raises(WebhookFailed, match="an answer of more than"):
        await ask(http, Webhook(server.hook_url("x"), deadline_s=2.0), {})


async def test_the_longest_answer_is_read_whole(server: SseServer, http: httpx.AsyncClient) -> None:
    server.hook_answers(Answer((b"x" * MAX_BYTES,)))
    assert await ask(http, Webhook(server.hook_url("x")), {}, most=MAX_BYTES + 1) == "x" * MAX_BYTES


async def test_what_comes_with_an_error_is_not_waited_for(server: SseServer, http: httpx.AsyncClient) -> None:
    server.hook_answers(Answer((b"sorry", Stall()), 500))
    with pytest.raises(WebhookFailed, match="HTTP 500"):
        await ask(http, Webhook(server.hook_url("x"), deadline_s=2.0), {})


async def test_nobody_there_is_a_failure_of_the_webhook(http: httpx.AsyncClient) -> None:
    async with SseServer() as gone:
        address = gone.hook_url("x")
    with pytest.raises(WebhookFailed, match="cannot be reached"):
        await ask(http, Webhook(address), {})


async def answered(http: httpx.AsyncClient, charset: str, body: bytes) -> str:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        kind = f"application/json; charset={charset}" if charset else "application/json"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as there:
        port = there.sockets[0].getsockname()[1]
        return await ask(http, Webhook(f"http://127.0.0.1:{port}/x", "GET"), {})


@pytest.mark.parametrize("charset", ["zip", "hex", "idna", "undefined", "nonsense", "utf-8", ""])
async def test_an_answer_in_no_text_encoding_is_read_as_utf_8(http: httpx.AsyncClient, charset: str) -> None:
    assert await answered(http, charset, "Zoë".encode()) == "Zoë"


@pytest.mark.parametrize("charset", ["utf-8", "idna"])
async def test_what_its_encoding_cannot_mean_is_marked(http: httpx.AsyncClient, charset: str) -> None:
    assert await answered(http, charset, "Zoë".encode("latin-1")) == "Zo\ufffd"


async def test_a_line_without_an_end_is_not_read_into_memory(server: SseServer, http: httpx.AsyncClient) -> None:
    server.hook_answers(Answer(tuple(b"x" * 60_000 for _ in range(60))))
    read = 0
    with pytest.raises(httpx.RemoteProtocolError, match="a line of more than"):
        async with http.stream("POST", server.hook_url("x"), json={}) as response:
            async for piece in response.aiter_bytes():
                read += len(piece)
    assert read <= MAX_LINE


async def test_many_short_lines_are(server: SseServer, http: httpx.AsyncClient) -> None:
    server.hook_answers(Answer(tuple(b"x" * 59_999 + b"\n" for _ in range(60))))
    response = await http.post(server.hook_url("x"), json={})
    assert len(response.content) == 3_600_000
