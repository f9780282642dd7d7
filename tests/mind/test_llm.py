"""The agent that thinks with a language model, over real HTTP to a model server that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from phone_daemon.config import LlmSettings
from phone_daemon.events import Action, ActionKind, MindEvent, Token, ToolOutcome, ToolRun, Trouble, Understood
from phone_daemon.mind.agent import CallerTurn, Message, Mind
from phone_daemon.mind.dialplan import Dialplan
from phone_daemon.mind.intents import Script
from phone_daemon.mind.minds import Minds
from phone_daemon.mind.model import Model
from phone_daemon.mind.prompt import CANCELLED, NOT_DONE
from phone_daemon.mind.tools import Tool, Webhook
from tests.mind.transcript import OPEN, shipped
from tests.sse_server import DONE, Answer, Cut, SseServer, Stall, calls, event, says, status

CLINIC = shipped("dental_clinic")
NO_SCRIPT = Script({}, {})
MODEL = Model("test", first_token_s=0.4, stall_s=0.3, connect_s=0.3)
ASKED = CallerTurn("when are you open")


def own(name: str, **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return Tool(name, name, schema)


TOOLS = {
    "transfer": replace(
        own("transfer", to={"type": "string", "enum": ["desk"]}), to={"desk": "sip:desk@clinic.example"}
    ),
    "hang_up": own("hang_up"),
    "send_dtmf": own("send_dtmf", digits={"type": "string", "pattern": "^[0-9]+$"}),
    "take_message": own("take_message", text={"type": "string"}),
}


def plan(model: Model = MODEL, script: Script = NO_SCRIPT, **changes: Any) -> Dialplan:
    return replace(CLINIC, agent="llm", model=model, script=script, tools=TOOLS, **changes)


def hook(server: SseServer, name: str = "book", **changes: Any) -> dict[str, Tool]:
    webhook = Webhook(server.hook_url(name), filler=("One moment, I am looking.",), **changes)
    return {**TOOLS, name: replace(own(name, day={"type": "string"}), webhook=webhook)}


@pytest.fixture
async def server() -> AsyncIterator[SseServer]:
    async with SseServer() as running:
        yield running


@pytest.fixture
async def minds(server: SseServer) -> AsyncIterator[Minds]:
    minds = Minds(LlmSettings(server.base_url), {"HOOK_KEY": "s3cret"})
    yield minds
    await minds.close()


async def events(mind: Mind, turn: CallerTurn = ASKED, *history: Message) -> list[MindEvent]:
    return [event async for event in mind.reply(turn, history)]


def text(happened: list[MindEvent]) -> str:
    return "".join(event.text for event in happened if isinstance(event, Token))


def troubles(happened: list[MindEvent]) -> list[str]:
    return [event.error for event in happened if isinstance(event, Trouble)]


def roles(server: SseServer) -> list[str]:
    return [message["role"] for message in server.requests[-1]["messages"]]


def valid(messages: list[dict[str, Any]]) -> None:
    """What every server and chat template takes: turns alternate, and each tool call has its answer behind it."""
    assert [message["role"] for message in messages[:2]] == ["system", "user"]
    waiting: list[str] = []
    for before, message in itertools.pairwise(messages):
        if message["role"] == "tool":
            assert waiting and message["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting
        assert message["content"] or message.get("tool_calls")
        assert message["role"] != before["role"] or message.get("tool_calls")
        waiting = [call["id"] for call in message.get("tool_calls", ())]
    assert not waiting
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert len(ids) == len(set(ids))


# ------------------------------------------------------------------------------------------------ answers


async def test_tokens_come_as_the_server_sends_them(server: SseServer, minds: Minds) -> None:
    server.answers(says("We are open until six.", each_s=0.02))
    stamps = []
    said = []
    async for happened in minds.mind(plan()).reply(ASKED, []):
        assert isinstance(happened, Token)
        stamps.append(time.monotonic())
        said.append(happened.text)
    assert said == ["We", " are", " open", " until", " six."]
    assert stamps[-1] - stamps[0] >= 0.06


async def test_the_request_is_one_that_any_server_takes(server: SseServer, minds: Minds) -> None:
    mind = minds.mind(plan(replace(MODEL, prompt="You are Ada.", temperature=0.3)), "+442079460100", OPEN)
    await events(mind, ASKED, Message("agent", CLINIC.opening))
    (request,) = server.requests
    assert {name: request[name] for name in ("model", "max_tokens", "temperature", "stream")} == {
        "model": "test",
        "max_tokens": 160,
        "temperature": 0.3,
        "stream": True,
    }
    assert request.keys() == {"model", "max_tokens", "temperature", "stream", "messages", "tools"}
    valid(request["messages"])
    system, *talk = request["messages"]
    assert "You are Ada." in system["content"]
    assert "Tuesday, 3 March 2026, 10:00" in system["content"]
    assert "+442079460100" in system["content"] and "open now" in system["content"]
    assert [message["content"] for message in talk[1:]] == [CLINIC.opening, "when are you open"]


async def test_the_greeting_is_the_dialplans_unless_it_has_none(server: SseServer, minds: Minds) -> None:
    greeting = [event async for event in minds.mind(plan()).greet()]
    assert (text(greeting), server.requests) == (CLINIC.opening, [])
    server.answers(says("Riverside Dental, good morning."))
    made = [event async for event in minds.mind(plan(greeting="", closed_greeting="")).greet()]
    assert text(made) == "Riverside Dental, good morning."
    valid(server.requests[-1]["messages"])


async def test_what_the_model_thinks_is_not_spoken(server: SseServer, minds: Minds) -> None:
    reasoning = event({"reasoning_content": "They want the hours."})
    server.answers(says(reasoning, event({"content": "<thi"}), event({"content": "nk>hm</think>\n\nAt"}), " six."))
    assert text(await events(minds.mind(plan()))) == "At six."


async def test_a_model_that_thinks_for_long_is_spoken_for_once(
    server: SseServer, minds: Minds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phone_daemon.mind.llm.HOLD_S", 0.1)
    thinking = [step for _ in range(4) for step in (event({"content": "<think>hm</think>"}), Stall(0.06))]
    server.answers(says(*thinking, "At six."))
    assert text(await events(minds.mind(plan()))) == "One moment, please. At six."


async def test_a_character_cut_in_two_by_the_network_arrives_whole(server: SseServer, minds: Minds) -> None:
    whole = event({"content": "Café – à bientôt 👋"})
    pieces = [step for byte in whole for step in (bytes([byte]), Stall(0.0))]
    server.answers(says(*pieces))
    assert text(await events(minds.mind(plan()))) == "Café – à bientôt 👋"


async def test_the_connection_is_kept_for_the_next_turn(server: SseServer, minds: Minds) -> None:
    for _ in range(3):
        await events(minds.mind(plan()))
    assert len(server.connections) == 1


# ------------------------------------------------------------------------------------------------ letting go


async def test_a_closed_reply_closes_its_connection_at_once(server: SseServer, minds: Minds) -> None:
    server.answers(says("We are", Stall()))
    reply = minds.mind(plan()).reply(ASKED, [])
    assert (await anext(reply), await anext(reply)) == (Token("We"), Token(" are"))
    await reply.aclose()
    await reached(lambda: server.dropped == 1 and server.open == 0)


async def test_a_reply_that_is_waited_for_is_cancelled_at_once(server: SseServer, minds: Minds) -> None:
    for answer in (says("We are", Stall()), replace(says("We are"), first=Stall())):
        server.answers(answer)
        dropped = server.dropped
        reply = asyncio.create_task(events(minds.mind(plan(replace(MODEL, first_token_s=5.0, stall_s=5.0)))))
        await reached(lambda: server.open == 1)
        await asyncio.sleep(0.02)
        reply.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reply
        await reached(lambda: server.dropped == dropped + 1)  # noqa: B023


# ------------------------------------------------------------------------------------------------ faults

MALFORMED = Answer((b"data: {not json}\n\n", DONE), 200, {"Content-Type": "text/event-stream"})
LONG = Answer((b"data: " + bytes(10_000_000) + b"\n\n",), 200, {"Content-Type": "text/event-stream"})
CUT_OPEN = says(event({"content": "We"})[:40], Cut())
EMPTY = says()
IN_STREAM = Answer((b'data: {"error": {"message": "out of memory"}}\n\n',), 200, {"Content-Type": "text/event-stream"})
FAULTS = {
    "500": status(500),
    "503": status(503),
    "429": status(429, retry_after="0"),
    "stall": says(Stall()),
    "no headers": replace(says("Hello."), first=Stall()),
    "malformed JSON": MALFORMED,
    "10 MB line": LONG,
    "cut mid-token": CUT_OPEN,
    "error in the stream": IN_STREAM,
}


async def reached(what: Any) -> None:
    async with asyncio.timeout(3.0):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_request_that_fails_before_a_word_is_made_once_more(
    fault: str, server: SseServer, minds: Minds
) -> None:
    server.answers(FAULTS[fault], says("At six."))
    happened = await events(minds.mind(plan()))
    assert (text(happened), len(server.requests), len(troubles(happened))) == ("At six.", 2, 1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_turn_is_answered_whatever_the_server_does(fault: str, server: SseServer, minds: Minds) -> None:
    server.answers(FAULTS[fault])
    mind = minds.mind(plan())
    for sorry in (*MODEL.sorry, MODEL.sorry[-1]):
        async with asyncio.timeout(3.0):
            happened = await events(mind)
        assert text(happened).strip() == sorry
        assert len(troubles(happened)) == 2
    await reached(lambda: server.open == 0)
    server.answers(says("At six."))
    assert text(await events(mind)) == "At six."


async def test_a_server_that_is_not_there_is_answered_for(minds: Minds) -> None:
    async with SseServer() as gone:
        address = gone.base_url
    happened = await events(minds.mind(plan(replace(MODEL, base_url=address))))
    assert text(happened).strip() == MODEL.sorry[0]
    assert "cannot be reached" in troubles(happened)[0]


async def test_with_a_script_the_script_answers_until_the_model_is_back(server: SseServer, minds: Minds) -> None:
    server.answers(status(500))
    mind = minds.mind(plan(script=CLINIC.script))
    happened = await events(mind, CallerTurn("i'd like to book an appointment"))
    assert Understood("book") in happened and text(happened) == "Which day would suit you?"
    assert mind.expects() == "day"
    assert text(await events(mind, CallerTurn("on tuesday"))) == "And at what time?"
    mind.retract()
    assert mind.expects() == "day"
    server.answers(says("Half past ten, fine."))
    assert text(await events(mind, CallerTurn("on tuesday at half past ten"))) == "Half past ten, fine."
    assert mind.expects() == ""


@pytest.mark.parametrize(
    "ending",
    [Cut(), Stall(), b"data: {oops\n\n", b'data: {"error": {"message": "gone"}}\n\n', event({"content": " or"})[:30]],
)
async def test_an_answer_that_breaks_off_is_owned_up_to(ending: Any, server: SseServer, minds: Minds) -> None:
    steps = (ending,) if isinstance(ending, Cut | Stall) else (ending, Cut())
    server.answers(says("We close at six", *steps))
    happened = await events(minds.mind(plan()))
    assert text(happened).strip() == f"We close at six… {MODEL.broken_off}"
    assert (len(server.requests), len(troubles(happened))) == (1, 1)


async def test_what_the_settings_must_mend_is_told_once_and_not_asked_again(
    server: SseServer, minds: Minds, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(status(404, "The model `test` does not exist."))
    for _ in range(3):
        assert text(await events(minds.mind(plan()))).strip() == MODEL.sorry[0]
    assert len(server.requests) == 3
    told = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert "HTTP 404" in told[0] and "does not exist" in told[0] and "model = 'test'" in told[0]


async def test_keys_are_never_logged(server: SseServer, minds: Minds, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(calls("book", '{"day": "today"}'), status(401, "bad key"))
    mind = minds.mind(replace(plan(replace(MODEL, api_key_env="HOOK_KEY")), tools=hook(server, api_key_env="HOOK_KEY")))
    await events(mind)
    assert server.headers[0]["Authorization"] == server.hooks[0][3]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in caplog.text


async def test_an_answer_cut_at_max_tokens_is_noted(server: SseServer, minds: Minds) -> None:
    server.answers(says("We close at", finish="length"))
    happened = await events(minds.mind(plan()))
    assert (text(happened), troubles(happened)) == ("We close at", ["the answer was cut at max_tokens"])


async def test_a_model_that_says_nothing_has_failed(server: SseServer, minds: Minds) -> None:
    server.answers(says("<think>What a long story", finish="length"))
    happened = await events(minds.mind(plan()))
    assert text(happened).strip() == MODEL.sorry[0]
    assert "max_tokens" in troubles(happened)[0]


# ------------------------------------------------------------------------------------------------ tools


def done(happened: list[MindEvent]) -> list[MindEvent]:
    return [event for event in happened if not isinstance(event, Token)]


async def test_a_webhook_is_asked_and_the_model_told(server: SseServer, minds: Minds) -> None:
    server.answers(calls("book", '{"day": "next tuesday"}', pieces=9), says("You are booked."))
    happened = await events(minds.mind(replace(plan(), tools=hook(server))))
    assert done(happened) == [
        Understood("book", {"day": "next tuesday"}),
        ToolRun("book"),
        ToolRun("book", ToolOutcome.DONE),
    ]
    assert text(happened) == "You are booked."
    assert server.hooks[0][:3] == ("book", "POST", {"day": "next tuesday"})
    valid(server.requests[1]["messages"])
    assert server.requests[1]["messages"][-1]["content"] == '{"ok": true}'


async def test_a_filler_is_said_only_while_a_webhook_takes_its_time(server: SseServer, minds: Minds) -> None:
    server.answers(calls("book", '{"day": "today"}'), says("Done."))
    server.hook_answers(Answer((b"ok",), first=Stall(0.5)))
    assert text(await events(minds.mind(replace(plan(), tools=hook(server))))) == "One moment, I am looking. Done."
    server.answers(calls("book", '{"day": "today"}', before="Let me see."), says("Done."))
    assert text(await events(minds.mind(replace(plan(), tools=hook(server))))) == "Let me see. Done."


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (status(500), "HTTP 500"),
        (Answer((b"x" * 100_000,)), "more than"),
        (Answer((b"ok",), first=Stall()), "no answer within 0.2 s"),
        (Answer((), 302, {"Location": "http://127.0.0.1:1/"}), "HTTP 302"),
        (Answer((b"ok", Cut()), 200, {"Content-Length": "10"}), "cannot be reached"),
    ],
)
async def test_a_webhook_that_fails_is_told_to_the_model(
    answer: Answer, why: str, server: SseServer, minds: Minds
) -> None:
    server.answers(calls("book", '{"day": "today"}'), says("I could not book it."))
    server.hook_answers(answer)
    happened = await events(minds.mind(replace(plan(), tools=hook(server, deadline_s=0.2))))
    failed = done(happened)[-1]
    assert isinstance(failed, ToolRun) and failed.outcome is ToolOutcome.FAILED and why in failed.detail
    assert text(happened) == "I could not book it."
    assert why in server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("book", '{"day": ', "not JSON"),
        ("book", "[1]", "not a JSON object"),
        ("book", '{"day": 3}', "3 is not of type 'string'"),
        ("book", "{}", "'day' is a required property"),
        ("burn", "{}", "no tool 'burn'"),
        ("transfer", '{"to": "sip:thief@evil.example"}', "is not one of ['desk']"),
    ],
)
async def test_arguments_that_do_not_fit_go_back_to_the_model(
    name: str, arguments: str, why: str, server: SseServer, minds: Minds
) -> None:
    server.answers(calls(name, arguments), says("Sorry."))
    happened = await events(minds.mind(replace(plan(), tools=hook(server))))
    assert text(happened) == "Sorry."
    assert server.hooks == []
    assert not [event for event in happened if isinstance(event, Action)]
    valid(server.requests[1]["messages"])
    assert why in server.requests[1]["messages"][-1]["content"]


async def test_several_tools_at_once_run_beside_each_other(server: SseServer, minds: Minds) -> None:
    server.answers(calls("book", '{"day": "today"}', more=[("book", '{"day": "tomorrow"}')]), says("Both."))
    server.hook_answers(Answer((b"ok",), first=Stall(0.25)))
    happened = await events(minds.mind(replace(plan(), tools=hook(server))))
    assert text(happened).endswith("Both.")
    assert (len(server.hooks), server.most_open) == (2, 2)
    valid(server.requests[1]["messages"])


async def test_a_model_that_only_calls_tools_has_to_answer_in_the_end(server: SseServer, minds: Minds) -> None:
    server.answers(*[calls("book", '{"day": "today"}')] * 4, says("Enough."))
    happened = await events(minds.mind(replace(plan(), tools=hook(server))))
    assert text(happened) == "Enough."
    assert ["tools" in request for request in server.requests] == [True] * 4 + [False]


async def test_transfer_and_hang_up_end_the_reply(server: SseServer, minds: Minds) -> None:
    server.answers(calls("transfer", '{"to": "desk"}', before="Putting you through."))
    happened = await events(minds.mind(plan()))
    assert text(happened) == "Putting you through."
    assert happened[-1] == Action(ActionKind.TRANSFER, "sip:desk@clinic.example")
    server.answers(calls("hang_up", ""))
    happened = await events(minds.mind(plan(script=CLINIC.script)))
    assert text(happened).strip() == CLINIC.script.prompts.goodbye[0]
    assert happened[-1] == Action(ActionKind.HANG_UP)
    assert len(server.requests) == 2


async def test_messages_are_told_with_those_before(server: SseServer, minds: Minds) -> None:
    mind = minds.mind(plan())
    server.answers(calls("take_message", '{"text": "Ada rang."}'), says("Noted."))
    assert done(await events(mind))[-1] == Action(ActionKind.TAKE_MESSAGE, "Ada rang.")
    server.answers(calls("take_message", '{"text": "Call back."}'), says("Noted."))
    assert done(await events(mind))[-1] == Action(ActionKind.TAKE_MESSAGE, "Ada rang.\nCall back.")
    mind.retract()
    server.answers(calls("take_message", '{"text": "Call back at six."}'), says("Noted."))
    assert done(await events(mind))[-1] == Action(ActionKind.TAKE_MESSAGE, "Ada rang.\nCall back at six.")


# ------------------------------------------------------------------------------------------------ history


async def test_a_webhook_that_is_broken_off_is_cancelled_and_told_so(server: SseServer, minds: Minds) -> None:
    server.answers(calls("book", '{"day": "today"}'))
    server.hook_answers(Answer((b"ok",), first=Stall()))
    mind = minds.mind(replace(plan(), tools=hook(server)))
    seen: list[MindEvent] = []

    async def read() -> None:
        async with contextlib.aclosing(mind.reply(ASKED, [])) as reply:
            async for happened in reply:
                seen.append(happened)

    reading = asyncio.create_task(read())
    await reached(lambda: server.hooks)
    reading.cancel()
    await asyncio.wait([reading])
    await reached(lambda: server.dropped == 1 and server.open == 0)
    assert seen[-1] == ToolRun("book")

    server.answers(says("Very well."))
    history = [Message("caller", ASKED.text), Message("agent", "One moment", interrupted=True)]
    assert text(await events(mind, CallerTurn("never mind"), *history)) == "Very well."
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert [message["content"] for message in messages if message["role"] == "tool"] == [CANCELLED]
    assert roles(server) == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert "interrupted" in messages[-1]["content"] and "never mind" in messages[-1]["content"]


async def test_what_a_webhook_did_is_known_after_its_reply_was_dropped_unheard(server: SseServer, minds: Minds) -> None:
    server.answers(calls("book", '{"day": "today"}', more=[("take_message", '{"text": "hi"}')]), says("Booked."))
    mind = minds.mind(replace(plan(), tools=hook(server)))
    await events(mind)
    mind.retract()
    server.answers(says("It is booked."))
    await events(mind, CallerTurn("when are you open today"))
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert roles(server) == ["system", "user", "assistant", "tool"]
    assert [call["function"]["name"] for call in messages[2]["tool_calls"]] == ["book"]


async def test_a_transfer_that_was_spoken_over_did_not_happen(server: SseServer, minds: Minds) -> None:
    mind = minds.mind(plan())
    server.answers(calls("transfer", '{"to": "desk"}', before="Putting you through."))
    await events(mind)
    server.answers(says("Of course."))
    history = [Message("caller", ASKED.text), Message("agent", "Putting", interrupted=True)]
    await events(mind, CallerTurn("no wait"), *history)
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert [message["content"] for message in messages if message["role"] == "tool"] == [NOT_DONE]


async def test_keys_and_silence_are_told_as_what_they_are(server: SseServer, minds: Minds) -> None:
    mind = minds.mind(plan())
    history = [Message("agent", "Your number, please.")]
    await events(mind, CallerTurn("123", digits=True), *history)
    history += [Message("caller", "123"), Message("agent", "Thanks."), Message("agent", "Are you still there?")]
    await events(mind, CallerTurn("yes"), *history)
    valid(server.requests[-1]["messages"])
    talk = [message["content"] for message in server.requests[-1]["messages"][1:]]
    assert talk[2] == "[The caller pressed the keys 1 2 3.]"
    assert talk[4] == "[The caller says nothing.]"


async def test_silence_is_asked_about_and_ends_the_call_without_the_model(server: SseServer, minds: Minds) -> None:
    mind = minds.mind(plan())
    said = [await events(mind, CallerTurn("", silent=count)) for count in (1, 2, 3)]
    assert [text(happened) for happened in said[:2]] == list(CLINIC.no_input)
    assert said[2][-1] == Action(ActionKind.HANG_UP)
    assert server.requests == []


async def test_a_long_call_is_told_from_its_latest_lines(server: SseServer, minds: Minds) -> None:
    history = [Message("agent" if n % 2 == 0 else "caller", f"line {n}") for n in range(201)]
    await events(minds.mind(plan()), ASKED, *history)
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert len(messages) < 70 and messages[-2]["content"] == "line 200"
