"""What a language model can do besides speaking, and what happens to it when the caller interrupts."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import httpx2 as httpx
import pytest

from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.agent.llm.prompt import CANCELLED, NOT_DONE
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.tools import Webhook, own_tool
from phone_daemon.events import Action, ActionKind, AgentEvent, ToolOutcome, ToolRun, Understood
from tests.agent.asking import ASKED, CLINIC, done, events, hook, own, plan, reached, roles, text, valid
from tests.sse_server import Answer, Cut, SseServer, SseTransport, Stall, calls, says, status


async def test_a_webhook_is_asked_and_the_model_told(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("book", '{"day": "next tuesday"}', pieces=9), says("You are booked."))
    happened = await events(factory.agent(replace(plan(), tools=hook(server))))
    assert done(happened) == [
        Understood("book", {"day": "next tuesday"}),
        ToolRun("book"),
        ToolRun("book", ToolOutcome.DONE),
    ]
    assert text(happened) == "You are booked."
    assert server.hooks[0][:3] == ("book", "POST", {"day": "next tuesday"})
    valid(server.requests[1]["messages"])
    assert server.requests[1]["messages"][-1]["content"] == '{"ok": true}'


async def test_a_filler_is_said_only_while_a_webhook_takes_its_time(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("book", '{"day": "today"}'), says("Done."))
    server.hook_answers(Answer((b"ok",), first=Stall(0.5)))
    assert text(await events(factory.agent(replace(plan(), tools=hook(server))))) == "One moment, I am looking. Done."
    server.answers(calls("book", '{"day": "today"}', before="Let me see."), says("Done."))
    assert text(await events(factory.agent(replace(plan(), tools=hook(server))))) == "Let me see. Done."


@pytest.mark.parametrize(
    ("takes_s", "before", "said"),
    [
        (0.25, "", "Done."),
        (0.4, "", "Still looking. Done."),
        (5.0, "Let me see.", "Let me see. Done."),
        (7.0, "Let me see.", "Let me see. Still looking. Done."),
        (13.0, "", "Still looking. Nearly there. Still looking. Done."),
    ],
)
def test_a_webhook_that_takes_long_gets_one_filler_after_the_other(takes_s: float, before: str, said: str) -> None:
    transport = SseTransport(
        calls("book", '{"day": "today"}', before=before),
        says("Done."),
        hook_answers=[Answer((b"ok",), first=Stall(takes_s))],
    )
    fillers = ("Still looking.", "Nearly there.")
    webhook = Webhook("http://model/hook", filler=fillers, deadline_s=20.0)
    book = replace(own("book", day={"type": "string"}), webhook=webhook)

    async def ask() -> None:
        factory = AgentFactory()
        factory._http = httpx.AsyncClient(transport=transport)
        assert text(await events(factory.agent(replace(plan(), tools={"book": book})))) == said

    run_counted(ask())


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
    answer: Answer, why: str, server: SseServer, factory: AgentFactory
) -> None:
    server.answers(calls("book", '{"day": "today"}'), says("I could not book it."))
    server.hook_answers(answer)
    happened = await events(factory.agent(replace(plan(), tools=hook(server, deadline_s=0.2))))
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
    name: str, arguments: str, why: str, server: SseServer, factory: AgentFactory
) -> None:
    server.answers(calls(name, arguments), says("Sorry."))
    happened = await events(factory.agent(replace(plan(), tools=hook(server))))
    assert text(happened) == "Sorry."
    assert server.hooks == []
    (failed,) = done(happened)
    assert isinstance(failed, ToolRun) and "evil" not in failed.detail, "what the caller said is not for the log"
    assert not [event for event in happened if isinstance(event, Action)]
    valid(server.requests[1]["messages"])
    assert why in server.requests[1]["messages"][-1]["content"]


async def test_several_tools_at_once_run_beside_each_other(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("book", '{"day": "today"}', more=[("book", '{"day": "tomorrow"}')]), says("Both."))
    server.hook_answers(Answer((b"ok",), first=Stall(0.25)))
    happened = await events(factory.agent(replace(plan(), tools=hook(server))))
    assert text(happened).endswith("Both.")
    assert (len(server.hooks), server.most_open) == (2, 2)
    valid(server.requests[1]["messages"])


async def test_a_model_that_only_calls_tools_has_to_answer_in_the_end(server: SseServer, factory: AgentFactory) -> None:
    server.answers(*[calls("book", '{"day": "today"}')] * 4, says("Enough."))
    happened = await events(factory.agent(replace(plan(), tools=hook(server))))
    assert text(happened) == "Enough."
    assert ["tools" in request for request in server.requests] == [True] * 4 + [False]


async def test_transfer_and_hang_up_end_the_reply(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("transfer", '{"to": "desk"}', before="Putting you through."))
    happened = await events(factory.agent(plan()))
    assert text(happened) == "Putting you through."
    assert happened[-1] == Action(ActionKind.TRANSFER, "sip:desk@clinic.example")
    transfer = own_tool("transfer", to={"desk": "sip:desk@clinic.example"}, brief=True)
    server.answers(calls("transfer", '{"to": "desk", "brief": "Ann asks about a bill."}', before="One moment."))
    happened = await events(factory.agent(replace(plan(), tools={"transfer": transfer})))
    assert happened[-1] == Action(ActionKind.TRANSFER, "sip:desk@clinic.example", "Ann asks about a bill.")
    server.requests.pop()
    server.answers(calls("hang_up", ""))
    happened = await events(factory.agent(plan(script=CLINIC.script)))
    assert text(happened).strip() == CLINIC.script.prompts.goodbye[0]
    assert happened[-1] == Action(ActionKind.HANG_UP)
    assert len(server.requests) == 2


async def test_a_call_ends_in_one_way_only(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("transfer", '{"to": "desk"}', more=[("hang_up", "")]))
    happened = await events(factory.agent(plan()))
    ends = [event for event in happened if isinstance(event, Action)]
    assert ends == [Action(ActionKind.TRANSFER, "sip:desk@clinic.example")]


async def test_keys_are_pressed_once_the_words_have_been_played(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("send_dtmf", '{"digits": "12"}', before="Dialing."), says("Done."))
    happened = await events(factory.agent(plan()))
    assert done(happened) == [Understood("send_dtmf", {"digits": "12"}), Action(ActionKind.SEND_DTMF, "12")]
    assert text(happened) == "Dialing. Done."
    assert "as soon as your words have been played" in server.requests[1]["messages"][-1]["content"]


async def test_messages_are_told_with_those_before(server: SseServer, factory: AgentFactory) -> None:
    agent = factory.agent(plan())
    server.answers(calls("take_message", '{"text": "Ada rang."}'), says("Noted."))
    assert done(await events(agent))[-1] == Action(ActionKind.TAKE_MESSAGE, "Ada rang.")
    server.answers(calls("take_message", '{"text": "Call back."}'), says("Noted."))
    assert done(await events(agent))[-1] == Action(ActionKind.TAKE_MESSAGE, "Ada rang.\nCall back.")
    agent.retract()
    server.answers(calls("take_message", '{"text": "Call back at six."}'), says("Noted."))
    assert done(await events(agent))[-1] == Action(ActionKind.TAKE_MESSAGE, "Ada rang.\nCall back at six.")


async def test_a_webhook_that_is_broken_off_is_cancelled_and_told_so(server: SseServer, factory: AgentFactory) -> None:
    server.answers(calls("book", '{"day": "today"}'))
    server.hook_answers(Answer((b"ok",), first=Stall()))
    agent = factory.agent(replace(plan(), tools=hook(server)))
    seen: list[AgentEvent] = []

    async def read() -> None:
        async with contextlib.aclosing(agent.reply(ASKED, [])) as reply:
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
    assert text(await events(agent, CallerTurn("never mind"), *history)) == "Very well."
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert [message["content"] for message in messages if message["role"] == "tool"] == [CANCELLED]
    assert roles(server) == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert "interrupted" in messages[-1]["content"] and "never mind" in messages[-1]["content"]


async def test_what_a_webhook_did_is_known_after_its_reply_was_dropped_unheard(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(calls("book", '{"day": "today"}', more=[("take_message", '{"text": "hi"}')]), says("Booked."))
    agent = factory.agent(replace(plan(), tools=hook(server)))
    await events(agent)
    agent.retract()
    server.answers(says("It is booked."))
    await events(agent, CallerTurn("when are you open today"))
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert roles(server) == ["system", "user", "assistant", "tool"]
    assert [call["function"]["name"] for call in messages[2]["tool_calls"]] == ["book"]


async def test_a_transfer_that_was_spoken_over_did_not_happen(server: SseServer, factory: AgentFactory) -> None:
    agent = factory.agent(plan())
    server.answers(calls("transfer", '{"to": "desk"}', before="Putting you through."))
    await events(agent)
    server.answers(says("Of course."))
    history = [Message("caller", ASKED.text), Message("agent", "Putting", interrupted=True)]
    await events(agent, CallerTurn("no wait"), *history)
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert [message["content"] for message in messages if message["role"] == "tool"] == [NOT_DONE]
