"""Whole calls with a language model, on the sample clock: real call, engines, and client; the server is scripted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from phone_daemon.agent.agent import Agent
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.call.floor import State
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.intents import Script
from phone_daemon.dialplan.keys import BargeIn
from phone_daemon.dialplan.model import Model
from phone_daemon.dialplan.tools import Tool, Webhook
from phone_daemon.events import EndReason
from phone_daemon.settings.settings import Settings, TurnSettings
from tests.agent.asking import TOOLS, valid
from tests.phone import BOOKING, OPEN, SETTINGS, Left, Phone, plan, ring, speech
from tests.sse_server import Answer, Cut, SseTransport, Stall, calls, says

GREETED = "How can I help"
HOOK = Tool(
    "find_day",
    "Finds a free day.",
    {"type": "object"},
    webhook=Webhook("http://127.0.0.1:1/day", filler=("Let me look that up for you.",)),
)


def dialplan(script: bool = False, **llm: Any) -> Dialplan:
    found = plan()
    tools = {**TOOLS, "find_day": HOOK}
    return replace(
        found,
        agent="llm",
        greeting=f"{GREETED}?",
        filler=(),
        model=Model("test", **llm),
        tools=tools,
        script=found.script if script else Script({}, {}),
    )


def agent(transport: SseTransport, found: Dialplan) -> Agent:
    factory = AgentFactory()
    factory._http = httpx.AsyncClient(transport=transport)
    return factory.agent(found)


async def asks(phone: Phone, words: str = OPEN) -> None:
    await phone.heard_out(GREETED)
    await phone.says(speech(words))


def call(folder: Path, transport: SseTransport, caller: Any, settings: Settings = SETTINGS, **changes: Any) -> Left:
    found = dialplan(**changes)
    return ring(folder, caller, agent=agent(transport, found), dialplan=found, settings=settings)


@pytest.mark.long
def test_a_question_is_answered_by_the_model(tmp_path: Path) -> None:
    server = SseTransport(says("We are open until half past five. Anything else?", first_s=0.15, each_s=0.03))

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.heard_out("Anything else")

    left = call(tmp_path, server, script)
    turn = left.turns[1]
    assert turn["heard"] == "We are open until half past five. Anything else?"
    assert not turn["faults"]
    assert server.requests[-1]["messages"][-1] == {"role": "user", "content": turn["caller"]}


def test_an_interruption_closes_the_stream_and_the_model_is_told_what_was_heard(tmp_path: Path) -> None:
    long = "We are open from half past eight until half past five, Monday to Thursday, and on Friday until four. "
    server = SseTransport(says(long * 5, each_s=0.1), says("Of course."))

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.until(phone.hears("Monday"))
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    left = call(tmp_path, server, script)
    assert server.dropped == 1
    cut = left.turns[1]
    assert cut["interrupted"] and long.startswith(cut["heard"])
    assert "llm_closed" in cut["barge_in"]["legs_ms"]
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert messages[-2] == {"role": "assistant", "content": cut["heard"]}
    assert messages[-1]["content"].startswith("[The caller interrupted you.]")


@pytest.mark.long
def test_a_webhook_that_an_interruption_breaks_off_is_recorded_as_cancelled(tmp_path: Path) -> None:
    server = SseTransport(calls("find_day", "{}"), says("What then?"), hook_answers=[Answer((b"ok",), first=Stall())])

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.until(phone.hears("Let me look"))
        await phone.says(speech(BOOKING))
        await phone.heard_out("What then")

    left = call(tmp_path, server, script)
    assert left.turns[1]["actions"] == ["find_day cancelled"]
    assert {"name": "find_day", "outcome": "cancelled"} in left.told("tool")
    assert server.dropped == 1
    valid(server.requests[-1]["messages"])


@pytest.mark.long
def test_a_noise_that_breaks_off_a_webhook_has_the_model_go_on(tmp_path: Path) -> None:
    server = SseTransport(
        calls("find_day", "{}"), says("Tuesday is free."), hook_answers=[Answer((b"ok",), first=Stall())]
    )

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.until(phone.hears("Let me look"))
        await phone.noise()
        await phone.heard_out("Tuesday is free")

    found = replace(dialplan(), barge_in=BargeIn(policy="speech"))
    ring(tmp_path, script, agent=agent(server, found), dialplan=found)
    messages = server.requests[-1]["messages"]
    valid(messages)
    assert "only a noise" in messages[-1]["content"]


@pytest.mark.long
def test_a_transfer_is_done_after_its_words_and_cancelled_when_they_are_spoken_over(tmp_path: Path) -> None:
    words = "Of course, I am putting you through to the people at the desk, who will know. One moment, please."
    transfer = calls("transfer", '{"to": "desk"}', before=words)
    server = SseTransport(transfer, says("Very well."), transfer)
    asked_once = replace(SETTINGS, turn=TurnSettings(early_start=False))

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.until(phone.hears("putting you"))
        await phone.says(speech(BOOKING))
        await phone.heard_out("Very well")
        await phone.says(speech(OPEN))
        await phone.reaches(State.CLOSED)

    left = call(tmp_path, server, script, asked_once)
    assert [turn["actions"] for turn in left.turns[1:]] == [
        ["transfer sip:desk@clinic.example cancelled"],
        [],
        ["transfer sip:desk@clinic.example"],
    ]
    assert left.closed.reason is EndReason.TRANSFERRED


FAULTS = {
    "stall": says(Stall()),
    "no headers": replace(says("Hello."), first=Stall()),
    "cut": says("We ", Cut()),
}


@pytest.mark.long
@pytest.mark.parametrize(("fault", "scripted"), [*((fault, False) for fault in FAULTS), ("stall", True)])
def test_every_turn_gets_speech_within_three_seconds(fault: str, scripted: bool, tmp_path: Path) -> None:
    server = SseTransport(FAULTS[fault])

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    left = call(tmp_path, server, script, script=scripted)
    turn = left.turns[1]
    assert turn["faults"]
    assert turn["times"]["rtp_first_audio"] - turn["times"]["endpoint"] <= 3.0
    assert turn["heard"].startswith("We are open from" if scripted else ("We", "I'm sorry"))
