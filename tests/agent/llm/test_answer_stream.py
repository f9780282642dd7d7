"""Answers of model servers and their gateways, in every form in which they are written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from phone_daemon.agent.llm.answer_stream import Delta, NotAnAnswer, deltas
from tests.sse_server import DONE, event


async def read(*pieces: bytes) -> list[Delta]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [delta async for delta in deltas(body())]


async def said(*pieces: bytes) -> str:
    return "".join(delta.text for delta in await read(*pieces))


def chunk(**choice: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


HELLO = event({"content": "Hello"}) + event({"content": " there."}, "stop") + DONE


async def test_the_pieces_come_however_the_body_is_cut() -> None:
    whole = await read(HELLO)
    assert [(delta.text, delta.reason) for delta in whole] == [("Hello", ""), (" there.", "stop")]
    for size in (1, 2, 3, 7, 50):
        assert await read(*(HELLO[at : at + size] for at in range(0, len(HELLO), size))) == whole


@pytest.mark.parametrize(
    ("said_so", "instead"),
    [
        (b"\n", b"\r\n"),
        (b"\n\n", b"\n"),
        (b"data: ", b"data:"),
        (b"data: ", b": keep-alive\n\nevent: message\nid: 7\nretry: 10\ndata: "),
        (b"data: ", b"\xef\xbb\xbfdata: "),
        (b"data: [DONE]", b""),
        (b"data: ", b""),
    ],
)
async def test_a_stream_that_is_spelled_otherwise_is_understood(said_so: bytes, instead: bytes) -> None:
    stream = HELLO.replace(said_so, instead, 1) if b"\xef" in instead else HELLO.replace(said_so, instead)
    assert await said(stream) == "Hello there."


async def test_an_event_may_have_several_lines() -> None:
    answer = json.dumps({"choices": [{"delta": {"content": "Hello"}}]}, indent=1)
    assert await said(b"".join(b"data: %b\n" % line.encode() for line in answer.splitlines()), b"\n", DONE) == "Hello"


async def test_separators_within_a_text_end_no_line() -> None:
    assert await said(event({"content": "a\u2028b\x85c\u2029"}), DONE) == "a\u2028b\x85c\u2029"


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"content": "Hi"}},
        {"delta": {"content": [{"type": "text", "text": "Hi"}]}},
        {"message": {"content": "Hi"}},
        {"delta": None, "message": {"content": "Hi"}},
        {"text": "Hi"},
    ],
)
async def test_words_are_found_where_they_stand(choice: dict[str, Any]) -> None:
    assert await said(chunk(**choice)) == "Hi"


async def test_chunks_that_say_nothing_are_passed_over() -> None:
    filters = [b'data: {"choices": [], "prompt_filter_results": []}\n\n', chunk(index=0, content_filter_results={})]
    odd = [b"data: null\n\n", b"data: []\n\n", b'data: {"choices": [null]}\n\n', b'data: {"usage": {}}\n\n']
    assert await said(*filters, *odd, HELLO) == "Hello there."


async def test_ollamas_own_dialect_is_understood() -> None:
    lines = [{"message": {"content": "Hi"}, "done": False}, {"message": {"content": "."}, "done_reason": "stop"}]
    found = await read(*(json.dumps(line).encode() + b"\n" for line in lines))
    assert [(delta.text, delta.reason) for delta in found] == [("Hi", ""), (".", "stop")]


async def test_after_the_end_nothing_is_waited_for() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield HELLO
        await asyncio.sleep(3600)

    async with asyncio.timeout(10):
        assert len([delta async for delta in deltas(body())]) == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'data: {"error": {"message": "out of memory"}}\n\n', "out of memory"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"error": {"code": 500}}', "^an error$"),
        (b"<html>502 Bad Gateway</html>", "the body is not JSON"),
        (b'data: {"choices": [{"delta": {"con', "malformed JSON"),
        (b'data: {"choices": [}\n\n' + HELLO, "malformed JSON"),
        (b'{"choices": [' * 100_000, "an answer without an end"),
    ],
)
async def test_what_is_no_answer_is_told(body: bytes, told: str) -> None:
    with pytest.raises(NotAnAnswer, match=told):
        await read(body)
