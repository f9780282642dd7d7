"""The scripted agent as a call meets it: its stream of events, and what it knows of the call."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from phone_daemon.agent.agent import Agent, CallerTurn, Message, Parties
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.clock import run_counted
from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, Understood
from tests.agent.transcript import CLOSED, shipped

CLINIC = shipped("dental_clinic")
CLINIC_AT_NIGHT = shipped("dental_clinic", CLOSED)


async def test_the_greeting_is_streamed_word_by_word() -> None:
    events = [event async for event in ScriptedAgent(CLINIC).greet()]
    assert all(isinstance(event, Token) for event in events)
    tokens = [event.text for event in events if isinstance(event, Token)]
    assert len(tokens) == len(CLINIC.greeting.split())
    assert "".join(tokens) == CLINIC.greeting
    night = [event.text async for event in ScriptedAgent(CLINIC_AT_NIGHT).greet() if isinstance(event, Token)]
    assert "".join(night) == CLINIC.closed_greeting


async def test_understanding_comes_first_and_what_ends_the_call_last() -> None:
    events = [event async for event in ScriptedAgent(CLINIC).reply(CallerTurn("goodbye"), [])]
    assert isinstance(events[0], Understood)
    assert events[-1] == Action(ActionKind.HANG_UP)
    assert all(isinstance(event, Token) for event in events[1:-1])


async def test_a_closed_reply_says_no_more() -> None:
    reply: AsyncGenerator[AgentEvent, None] = ScriptedAgent(CLINIC).reply(CallerTurn("when are you open"), [])
    await anext(reply)
    await anext(reply)
    await reply.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(reply)


def test_the_agent_waits_for_nothing_so_it_runs_on_counted_time() -> None:
    async def call() -> list[AgentEvent]:
        agent: Agent = ScriptedAgent(CLINIC)
        history = [Message("agent", CLINIC.greeting)]
        events = [event async for event in agent.reply(CallerTurn("book an appointment on monday"), history)]
        await agent.close()
        await agent.close()
        return events

    assert run_counted(call()) == run_counted(call())


GREETS = """name = "desk"
called = ["*"]
greeting = "Hello {caller_name}, you dialled {called}."
no_input = ["Still there?"]
[intents.number]
caller_says = ["what is my number"]
say = ["You call from {caller}, {caller_name}."]
then = "listen"
"""


async def test_a_dialplans_texts_may_name_who_calls_whom(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(GREETS)
    plan = next(iter(Dialplans.load((tmp_path / "desk.toml",))))
    for parties, greeting, answer in (
        (
            Parties("+442079", "Ann Lee", "100"),
            "Hello Ann Lee, you dialled one zero zero.",
            "You call from four four two zero, seven nine, Ann Lee.",
        ),
        (Parties(called="desk"), "Hello, you dialled desk.", "You call from , ."),
    ):
        agent = ScriptedAgent(plan, parties)
        events = [event async for event in agent.greet()]
        events += [event async for event in agent.reply(CallerTurn("what is my number"), [])]
        assert "".join(event.text for event in events if isinstance(event, Token)) == greeting + answer


async def test_whom_a_caller_is_put_through_to_is_told_first_what_for(tmp_path: Path) -> None:
    plan = GREETS.replace(
        'say = ["You call from {caller}, {caller_name}."]\nthen = "listen"',
        """say = ["One moment."]
then = "transfer"
transfer_to = "sip:desk@192.0.2.1"
brief = ["{caller_name} asks about {topic}."]
slots = ["topic"]
[slots.topic]
type = "choice"
values = { bills = "a bill" }
ask = ["What about?"]""",
    ).replace('["what is my number"]', '["it is about {topic}"]')
    (tmp_path / "desk.toml").write_text(plan)
    agent = ScriptedAgent(next(iter(Dialplans.load((tmp_path / "desk.toml",)))), Parties("1", "Ann Lee"))
    events = [event async for event in agent.reply(CallerTurn("it is about a bill"), [])]
    assert events[-1] == Action(ActionKind.TRANSFER, "sip:desk@192.0.2.1", "Ann Lee asks about bills.")


def test_a_reply_begun_early_stands_unless_the_recognizer_proves_unsure_of_the_words() -> None:
    agent = ScriptedAgent(CLINIC)
    assert not agent.stands(CallerTurn("goodbye"), [])
    agent.reply(CallerTurn("goodbye"), [])
    assert agent.stands(CallerTurn("goodbye", confidence=0.9), [])
    assert not agent.stands(CallerTurn("goodbye", confidence=0.2), [])


def test_a_reply_to_what_was_misheard_does_not_stand_if_an_alternative_is_understood() -> None:
    agent = ScriptedAgent(CLINIC)
    agent.reply(CallerTurn("purple elephants"), [])
    assert not agent.stands(CallerTurn("purple elephants", others=("when are you open",)), [])
    agent.retract()
    agent.reply(CallerTurn("when are you open"), [])
    assert agent.stands(CallerTurn("when are you open", others=("purple elephants",)), [])


@pytest.mark.parametrize("turn", ["when are you open", "i want to book an appointment", "purple monkey", "goodbye", ""])
async def test_what_it_says_in_every_call_is_among_the_texts_of_its_dialplan(turn: str) -> None:
    """By them the voice knows what it need not make again."""
    events = [event async for event in ScriptedAgent(CLINIC).reply(CallerTurn(turn, silent=int(not turn)), [])]
    said = "".join(event.text for event in events if isinstance(event, Token))
    texts = " ".join(CLINIC.texts())
    assert said and all(sentence.rstrip(".") in texts for sentence in said.split(". "))


async def test_what_it_says_of_a_callers_own_is_not() -> None:
    agent = ScriptedAgent(CLINIC)
    for turn in ("i want to book an appointment", "on tuesday", "at ten o'clock"):
        events = [event async for event in agent.reply(CallerTurn(turn), [])]
    said = "".join(event.text for event in events if isinstance(event, Token))
    assert "Tuesday" in said and said not in " ".join(CLINIC.texts())
