"""One request to a model and its stream, on the sample clock. The client is real, the server is scripted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import openai
import pytest

from phone_daemon.agent.llm.chat import (
    MAX_ARGUMENTS,
    MAX_CALLS,
    Chat,
    End,
    ModelFailed,
    Piece,
    Thought,
    ToolCall,
    Words,
)
from phone_daemon.dialplan.model import Model
from tests.counted import counted
from tests.sse_server import DONE, Answer, SseTransport, Stall, calls, event, says, status

MODEL = Model("test", first_token_s=1.0, stall_s=0.5)


async def answered(transport: httpx.AsyncBaseTransport, told: list[ModelFailed | None] | None = None) -> list[Piece]:
    async with httpx.AsyncClient(transport=transport) as http:
        client = openai.AsyncOpenAI(base_url="http://model/v1", api_key="none", http_client=http, max_retries=0)
        report = (told if told is not None else []).append
        return [piece async for piece in Chat(client, MODEL, report).answer([{"role": "user", "content": "Hours?"}])]


async def failed(transport: httpx.AsyncBaseTransport) -> str:
    told: list[ModelFailed | None] = []
    with pytest.raises(ModelFailed) as caught:
        await answered(transport, told)
    assert told == [caught.value]
    return str(caught.value).removeprefix("http://model/v1/: ")


def piece(index: int, **call: Any) -> bytes:
    """A piece of a tool call."""
    return event({"tool_calls": [{"index": index, **call}]})


def called(*pieces: bytes) -> SseTransport:
    return SseTransport(Answer((*pieces, event({}, "tool_calls"), DONE)))


# ------------------------------------------------------------------------------------------------ words


@counted
async def test_words_come_as_they_are_sent_and_then_the_end() -> None:
    told: list[ModelFailed | None] = []
    assert await answered(SseTransport(says("Until six.")), told) == [Words("Until"), Words(" six."), End((), "stop")]
    assert told == [None]


@pytest.mark.parametrize("end", [(DONE,), (), (event({}), DONE), (event({}, "stop"),)])
@counted
async def test_an_answer_may_end_without_saying_so(end: tuple[bytes, ...]) -> None:
    """Gateways and proxies leave out `finish_reason`, `[DONE]`, or both."""
    told: list[ModelFailed | None] = []
    pieces = await answered(SseTransport(Answer((event({"content": "Until six."}), *end))), told)
    assert pieces == [Words("Until six."), End((), "stop")]
    assert told == [None]


@counted
async def test_a_stream_that_ends_before_it_began_is_no_answer() -> None:
    for steps in ((), (DONE,), (event({"role": "assistant"}), DONE)):
        assert await failed(SseTransport(Answer(steps))) == "the stream ended before the answer began"


@counted
async def test_a_plain_answer_is_one_though_a_stream_was_asked_for() -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": "Until six."}, "finish_reason": "stop"}]}
    for indent in (None, 2):
        transport = SseTransport(
            Answer((json.dumps(body, indent=indent).encode(),), headers={"Content-Type": "application/json"})
        )
        assert await answered(transport) == [Words("Until six."), End((), "stop")]


@counted
async def test_calls_in_a_plain_answer_are_made() -> None:
    made = [{"id": f"c{n}", "function": {"name": "look", "arguments": {"day": n}}} for n in range(2)]
    body = {"choices": [{"message": {"content": None, "tool_calls": made}, "finish_reason": "tool_calls"}]}
    end = (await answered(SseTransport(Answer((json.dumps(body).encode(),)))))[-1]
    assert end == End((ToolCall("c0", "look", '{"day": 0}'), ToolCall("c1", "look", '{"day": 1}')), "tool_calls")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@counted
async def test_reasoning_that_the_server_has_taken_out_is_a_sign_of_life(field: str) -> None:
    reasoning = [step for _ in range(5) for step in (event({field: "hm"}), Stall(0.4))]
    pieces = await answered(SseTransport(says(*reasoning, "Six.")))
    assert pieces == [*[Thought()] * 5, Words("Six."), End((), "stop")]


@counted
async def test_a_keep_alive_is_no_sign_of_life() -> None:
    nothing = [step for _ in range(9) for step in (event({"content": ""}), Stall(0.4))]
    assert await failed(SseTransport(says(*nothing, "Six."))) == "no token within llm.first_token_s = 1 s"


# ------------------------------------------------------------------------------------------------ tool calls


@counted
async def test_calls_under_one_index_stay_apart_by_their_ids() -> None:
    pieces = await answered(
        called(
            piece(0, id="a", function={"name": "look", "arguments": '{"day":'}),
            piece(0, function={"arguments": ' "monday"}'}),
            piece(0, id="b", function={"name": "note", "arguments": "{}"}),
        )
    )
    assert pieces[-1] == End((ToolCall("a", "look", '{"day": "monday"}'), ToolCall("b", "note", "{}")), "tool_calls")


@counted
async def test_an_id_may_come_after_the_name() -> None:
    pieces = await answered(
        called(piece(0, function={"name": "look", "arguments": "{"}), piece(0, id="late", function={"arguments": "}"}))
    )
    assert pieces[-1] == End((ToolCall("late", "look", "{}"),), "tool_calls")


@counted
async def test_a_call_may_begin_with_a_piece_that_says_nothing_of_it() -> None:
    pieces = await answered(called(piece(0, id="a"), piece(0, function={"name": "look", "arguments": "{}"})))
    assert pieces[-1] == End((ToolCall("a", "look", "{}"),), "tool_calls")


@counted
async def test_what_is_called_beyond_the_limit_is_not_done() -> None:
    more = [(f"tool_{n}", "{}") for n in range(1, MAX_CALLS + 3)]
    end = (await answered(SseTransport(calls("tool_0", "{}", more=more))))[-1]
    assert isinstance(end, End)
    assert [call.name for call in end.calls] == [f"tool_{n}" for n in range(MAX_CALLS)]


@counted
async def test_arguments_that_go_on_and_on_are_an_answer_that_failed() -> None:
    fits = json.dumps({"text": "x" * (MAX_ARGUMENTS - len('{"text": ""}'))})
    end = (await answered(SseTransport(calls("note", fits))))[-1]
    assert isinstance(end, End) and end.calls[0].arguments == fits
    assert await failed(SseTransport(calls("note", fits + " "))) == "a tool call's arguments are too long"


# ------------------------------------------------------------------------------------------------ what goes wrong


@counted
async def test_a_server_that_sends_no_headers_is_not_waited_for() -> None:
    began = asyncio.get_running_loop().time()
    assert await failed(SseTransport(Answer(first=Stall()))) == "no token within llm.first_token_s = 1 s"
    assert asyncio.get_running_loop().time() - began == pytest.approx(1.0)


@counted
async def test_a_request_that_the_server_refuses_is_told_with_its_reason() -> None:
    told = await failed(SseTransport(status(400, "The field tools is not known.")))
    assert told == "HTTP 400 for model 'test': The field tools is not known."


class _Broken(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield event({"content": "We"})
        raise OSError("what the caller said")


class Broken(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=_Broken())


@counted
async def test_an_error_of_any_other_kind_is_reported_by_its_kind_only() -> None:
    assert await failed(Broken()) == "OSError"
