"""The agent with a language model, over real HTTP to a model server that follows a script."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest

from phone_daemon.agent.agent import CallerTurn, Message, Parties
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.clock import run_counted
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, Understood
from tests.agent.asking import ASKED, CLINIC, MODEL, events, hook, plan, reached, text, troubles, valid
from tests.agent.transcript import OPEN
from tests.sse_server import DONE, Answer, Cut, SseServer, SseTransport, Stall, calls, event, says, status

# ------------------------------------------------------------------------------------------------ answers


async def test_tokens_come_as_the_server_sends_them(server: SseServer, factory: AgentFactory) -> None:
    server.answers(says("We are open until six.", each_s=0.02))
    stamps = []
    said = []
    async for happened in factory.agent(plan()).reply(ASKED, []):
        assert isinstance(happened, Token)
        stamps.append(time.monotonic())
        said.append(happened.text)
    assert said == ["We", " are", " open", " until", " six."]
    assert stamps[-1] - stamps[0] >= 0.06


async def test_the_request_is_one_that_any_server_takes(server: SseServer, factory: AgentFactory) -> None:
    agent = factory.agent(
        plan(replace(MODEL, prompt="You are Ada.", temperature=0.3)), Parties(called="+442079460100"), OPEN
    )
    await events(agent, ASKED, Message("agent", CLINIC.opening))
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


async def test_the_greeting_is_the_dialplans_unless_it_has_none(server: SseServer, factory: AgentFactory) -> None:
    greeting = [event async for event in factory.agent(plan()).greet()]
    assert (text(greeting), server.requests) == (CLINIC.opening, [])
    server.answers(says("Riverside Dental, good morning."))
    made = [event async for event in factory.agent(plan(greeting="", closed_greeting="")).greet()]
    assert text(made) == "Riverside Dental, good morning."
    valid(server.requests[-1]["messages"])


async def test_what_the_model_thinks_is_not_spoken(server: SseServer, factory: AgentFactory) -> None:
    reasoning = event({"reasoning_content": "They want the hours."})
    server.answers(says(reasoning, event({"content": "<thi"}), event({"content": "nk>hm</think>\n\nAt"}), " six."))
    assert text(await events(factory.agent(plan()))) == "At six."


async def test_a_model_that_thinks_for_long_is_spoken_for_once(
    server: SseServer, factory: AgentFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phone_daemon.agent.llm.said.HOLD_S", 0.1)
    thinking = [step for _ in range(4) for step in (event({"content": "<think>hm</think>"}), Stall(0.06))]
    server.answers(says(*thinking, "At six."))
    assert text(await events(factory.agent(plan()))) == "One moment, please. At six."


async def test_a_character_cut_in_two_by_the_network_arrives_whole(server: SseServer, factory: AgentFactory) -> None:
    whole = event({"content": "Café – à bientôt 👋"})
    pieces = [step for byte in whole for step in (bytes([byte]), Stall(0.0))]
    server.answers(says(*pieces))
    assert text(await events(factory.agent(plan()))) == "Café – à bientôt 👋"


async def test_the_connection_is_kept_for_the_next_turn(server: SseServer, factory: AgentFactory) -> None:
    for _ in range(3):
        await events(factory.agent(plan()))
    assert len(server.connections) == 1


# ------------------------------------------------------------------------------------------------ letting go


async def test_a_closed_reply_closes_its_connection_at_once(server: SseServer, factory: AgentFactory) -> None:
    server.answers(says("We are", Stall()))
    reply = factory.agent(plan()).reply(ASKED, [])
    assert (await anext(reply), await anext(reply)) == (Token("We"), Token(" are"))
    await reply.aclose()
    await reached(lambda: server.dropped == 1 and server.open == 0)


async def test_a_reply_that_is_waited_for_is_cancelled_at_once(server: SseServer, factory: AgentFactory) -> None:
    for answer in (says("We are", Stall()), replace(says("We are"), first=Stall())):
        server.answers(answer)
        dropped = server.dropped
        reply = asyncio.create_task(events(factory.agent(plan(replace(MODEL, first_token_s=5.0, stall_s=5.0)))))
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


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_request_that_fails_before_a_word_is_made_once_more(
    fault: str, server: SseServer, factory: AgentFactory
) -> None:
    server.answers(FAULTS[fault], says("At six."))
    happened = await events(factory.agent(plan()))
    assert (text(happened), len(server.requests), len(troubles(happened))) == ("At six.", 2, 1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_turn_is_answered_whatever_the_server_does(
    fault: str, server: SseServer, factory: AgentFactory
) -> None:
    server.answers(FAULTS[fault])
    agent = factory.agent(plan(replace(MODEL, first_token_s=0.3)))
    for sorry in (*MODEL.sorry, MODEL.sorry[-1])[: 1 if "stall" in fault else 3]:
        async with asyncio.timeout(3.0):
            happened = await events(agent)
        assert text(happened).strip() == sorry
        assert troubles(happened)
    await reached(lambda: server.open == 0)
    server.answers(says("At six."))
    assert text(await events(agent)) == "At six."


async def test_an_agent_that_fails_again_and_again_excuses_itself_otherwise_each_time(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(status(500))
    agent = factory.agent(plan(replace(MODEL, sorry=("Sorry.", "Sorry again.", "I cannot."))))
    said = [text(await events(agent)).strip() for _ in range(4)]
    assert said == ["Sorry.", "Sorry again.", "I cannot.", "I cannot."]


async def test_a_server_that_is_not_there_is_answered_for(factory: AgentFactory) -> None:
    async with SseServer() as gone:
        address = gone.base_url
    happened = await events(factory.agent(plan(replace(MODEL, base_url=address))))
    assert text(happened).strip() == MODEL.sorry[0]
    assert "cannot be reached" in troubles(happened)[0]


async def test_with_a_script_the_script_answers_until_the_model_is_back(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(status(500))
    agent = factory.agent(plan(script=CLINIC.script))
    happened = await events(agent, CallerTurn("i'd like to book an appointment"))
    assert Understood("book") in happened and text(happened) == "Which day would suit you?"
    assert agent.expects() == "day"
    assert text(await events(agent, CallerTurn("on tuesday"))) == "And at what time?"
    agent.retract()
    assert agent.expects() == "day"
    server.answers(says("Half past ten, fine."))
    assert text(await events(agent, CallerTurn("on tuesday at half past ten"))) == "Half past ten, fine."
    assert agent.expects() == ""


@pytest.mark.parametrize(
    "ending",
    [Cut(), Stall(), b"data: {oops\n\n", b'data: {"error": {"message": "gone"}}\n\n', event({"content": " or"})[:30]],
)
async def test_the_agent_admits_that_an_answer_broke_off(ending: Any, server: SseServer, factory: AgentFactory) -> None:
    steps = (ending,) if isinstance(ending, Cut | Stall) else (ending, Cut())
    server.answers(says("We close at six", *steps))
    happened = await events(factory.agent(plan()))
    assert text(happened).strip() == f"We close at six… {MODEL.broken_off}"
    assert (len(server.requests), len(troubles(happened))) == (1, 1)


@pytest.mark.parametrize(("thinks_s", "requests"), [(1.8, 2), (3.6, 1)])
def test_a_request_that_failed_late_is_not_made_again(thinks_s: float, requests: int) -> None:
    """Within 1.5 times the time limit for the first token, which is 3 s here: the caller waits for both attempts."""
    thinking = [step for _ in range(9) for step in (event({"reasoning": "hm"}), Stall(thinks_s / 9))]
    transport = SseTransport(says(*thinking, Stall()))
    model = replace(MODEL, first_token_s=2.0, stall_s=0.5)

    async def ask() -> None:
        factory = AgentFactory()
        factory._http = httpx.AsyncClient(transport=transport)
        assert MODEL.sorry[0] in text(await events(factory.agent(plan(model))))

    run_counted(ask())
    assert len(transport.requests) == requests


async def test_a_model_that_fails_while_it_goes_on_after_a_noise_excuses_itself(
    server: SseServer, factory: AgentFactory
) -> None:
    """The caller has said nothing that the script can answer."""
    server.answers(status(500))
    history = [Message("caller", "when are you open"), Message("agent", "From half past", interrupted=True)]
    happened = await events(factory.agent(plan(script=CLINIC.script)), CallerTurn(""), *history)
    assert text(happened).strip() == MODEL.sorry[0]
    assert not any(isinstance(event, Understood) for event in happened)


async def test_an_answer_that_breaks_off_while_the_model_thinks_is_not_begun_again(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(says("We close at six", event({"reasoning": "hm"}), Cut()))
    assert text(await events(factory.agent(plan()))).strip() == f"We close at six… {MODEL.broken_off}"
    assert len(server.requests) == 1


async def test_the_script_that_answers_in_the_models_place_may_end_the_call(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(status(500))
    happened = await events(factory.agent(plan(script=CLINIC.script)), CallerTurn("thank you goodbye"))
    assert [event for event in happened if isinstance(event, Action)] == [Action(ActionKind.HANG_UP)]


async def test_messages_taken_by_the_model_come_before_those_taken_by_the_script(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(calls("take_message", '{"text": "I am Ann."}'), says("Noted."), status(500))
    agent = factory.agent(plan(script=CLINIC.script))
    history: list[Message] = []
    happened: list[AgentEvent] = []
    for said in ("i am ann", "leave a message", "call me back"):
        happened = await events(agent, CallerTurn(said), *history)
        history += [Message("caller", said), Message("agent", text(happened))]
    assert Action(ActionKind.TAKE_MESSAGE, "I am Ann.\ncall me back") in happened


async def test_an_agent_that_has_said_nothing_yet_has_nothing_to_retract(
    server: SseServer, factory: AgentFactory
) -> None:
    agent = factory.agent(plan())
    agent.retract()
    assert text(await events(agent)) == "Hello."


async def test_retracting_a_models_answer_retracts_nothing_of_the_scripts(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(status(500))
    agent = factory.agent(plan(script=CLINIC.script))
    asked = text(await events(agent, CallerTurn("i would like to book an appointment")))
    history = [Message("caller", "i would like to book an appointment"), Message("agent", asked)]
    agent.reply(CallerTurn("on tues"), history)
    agent.retract()
    understood = [
        each for each in await events(agent, CallerTurn("on tuesday"), *history) if isinstance(each, Understood)
    ]
    assert [(each.intent, each.slots["day"]) for each in understood] == [("book", "tuesday")]


async def test_an_error_that_only_the_settings_can_fix_is_logged_once_and_not_retried(
    server: SseServer, factory: AgentFactory, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(status(404, "The model `test` does not exist."))
    for _ in range(3):
        assert text(await events(factory.agent(plan()))).strip() == MODEL.sorry[0]
    assert len(server.requests) == 3
    told = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert "HTTP 404" in told[0] and "does not exist" in told[0] and "model 'test'" in told[0]


async def test_a_server_that_knows_the_limit_by_another_name_is_asked_in_its_words(
    server: SseServer, factory: AgentFactory
) -> None:
    server.answers(status(400, "Use 'max_completion_tokens' instead of 'max_tokens'."), says("At six."))
    for _ in range(2):
        assert text(await events(factory.agent(plan()))) == "At six."
    assert [request.keys() & {"max_tokens", "max_completion_tokens"} for request in server.requests] == [
        {"max_tokens"},
        {"max_completion_tokens"},
        {"max_completion_tokens"},
    ]


async def test_keys_are_never_logged(
    server: SseServer, factory: AgentFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(calls("book", '{"day": "today"}'), status(401, "bad key"))
    agent = factory.agent(
        replace(plan(replace(MODEL, api_key_env="HOOK_KEY")), tools=hook(server, api_key_env="HOOK_KEY"))
    )
    await events(agent)
    assert server.headers[0]["Authorization"] == server.hooks[0][3]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in caplog.text


async def test_an_answer_cut_at_max_tokens_is_noted(server: SseServer, factory: AgentFactory) -> None:
    server.answers(says("We close at", finish="length"))
    happened = await events(factory.agent(plan()))
    assert (text(happened), troubles(happened)) == ("We close at", ["the answer was cut at max_tokens"])


async def test_a_model_that_says_nothing_has_failed(server: SseServer, factory: AgentFactory) -> None:
    server.answers(says("<think>What a long story", finish="length"))
    happened = await events(factory.agent(plan()))
    assert text(happened).strip() == MODEL.sorry[0]
    assert "max_tokens" in troubles(happened)[0]


# ------------------------------------------------------------------------------------------------ history


async def test_keys_and_silence_are_told_as_what_they_are(server: SseServer, factory: AgentFactory) -> None:
    agent = factory.agent(plan())
    history = [Message("agent", "Your number, please.")]
    await events(agent, CallerTurn("123", digits=True), *history)
    history += [Message("caller", "123"), Message("agent", "Thanks."), Message("agent", "Are you still there?")]
    await events(agent, CallerTurn("yes"), *history)
    valid(server.requests[-1]["messages"])
    talk = [message["content"] for message in server.requests[-1]["messages"][1:]]
    assert talk[2] == "[The caller pressed the keys 1 2 3.]"
    assert talk[4] == "[The caller says nothing.]"


async def test_silence_is_asked_about_and_ends_the_call_without_the_model(
    server: SseServer, factory: AgentFactory
) -> None:
    agent = factory.agent(plan())
    said = [await events(agent, CallerTurn("", silent=count)) for count in (1, 2, 3)]
    assert [text(happened) for happened in said[:2]] == list(CLINIC.no_input)
    assert said[2][-1] == Action(ActionKind.HANG_UP)
    assert server.requests == []


async def test_a_long_call_is_told_from_its_latest_lines(server: SseServer, factory: AgentFactory) -> None:
    history = [Message("agent" if n % 2 == 0 else "caller", f"line {n}") for n in range(201)]
    await events(factory.agent(plan()), ASKED, *history)
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert len(messages) < 70 and messages[-2]["content"] == "line 200"
