"""An agent with a language model that tests ask one turn at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from phone_daemon.agent.agent import Agent, CallerTurn, Message
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.intents import Script
from phone_daemon.dialplan.model import Model
from phone_daemon.dialplan.tools import Tool, Webhook
from phone_daemon.events import AgentEvent, Token, Trouble
from tests.agent.transcript import shipped
from tests.sse_server import SseServer

CLINIC = shipped("dental_clinic")
NO_SCRIPT = Script({}, {})
MODEL = Model("test", first_token_s=1.0, stall_s=0.5)
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


async def events(agent: Agent, turn: CallerTurn = ASKED, *history: Message) -> list[AgentEvent]:
    return [event async for event in agent.reply(turn, history)]


def text(happened: list[AgentEvent]) -> str:
    return "".join(event.text for event in happened if isinstance(event, Token))


def troubles(happened: list[AgentEvent]) -> list[str]:
    return [event.error for event in happened if isinstance(event, Trouble)]


def roles(server: SseServer) -> list[str]:
    return [message["role"] for message in server.requests[-1]["messages"]]


def valid(messages: list[dict[str, Any]]) -> None:
    """The rules of every server and chat template: turns alternate, and each tool call is followed by its answer."""
    assert [message["role"] for message in messages[:2]] == ["system", "user"]
    waiting: list[str] = []
    for before, message in itertools.pairwise(messages):
        if message["role"] == "tool":
            assert waiting and message["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting
        assert message["content"] or message.get("tool_calls")
        assert message["role"] != before["role"] or message.get("tool_calls")
        waiting = [call["id"] for call in message.get("tool_calls", ()) if call["type"] == "function"]
    assert not waiting
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert len(ids) == len(set(ids))


def done(happened: list[AgentEvent]) -> list[AgentEvent]:
    return [event for event in happened if not isinstance(event, Token)]


async def reached(what: Callable[[], object]) -> None:
    """Returns once `what` is true."""
    async with asyncio.timeout(3.0):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
