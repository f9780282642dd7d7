"""`phone-daemon try DIALPLAN`: a typed conversation with a dialplan's agent, showing what it understands."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from phone_daemon.agent.agent import CallerTurn, Message, Parties
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.dialplan.dialplan import Dialplan, DialplanError, Dialplans
from phone_daemon.dialplan.hours import ALWAYS
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, ToolRun, Trouble, Understood
from phone_daemon.settings.settings import Settings

_KEYS = re.compile(r"[0-9*#]+")
_HELP = """\
Type what a caller would say. A line of digits presses keys, an empty line is silence, and Ctrl-D hangs up."""


class _Ended(Exception):
    """The agent has ended the call."""


async def run(path: Path, settings: Settings, *, closed: bool = False) -> int:
    """Reads the caller's turns from stdin until it closes or the agent ends the call. Raises `DialplanError`."""
    [plan] = Dialplans.load((path,))
    if closed and plan.hours == ALWAYS:
        raise DialplanError([f"{path}: has no [hours], so it is never closed; leave out --closed"])
    plan = replace(plan, is_open=False) if closed else plan.at(datetime.now().astimezone())
    if missing := plan.missing_keys(os.environ) if plan.agent == "llm" else ():
        raise DialplanError(missing)
    factory = AgentFactory(settings.llm)
    try:
        await _talk(plan, factory)
    finally:
        await factory.close()
    return 0


async def _talk(plan: Dialplan, factory: AgentFactory) -> None:
    agent = factory.agent(plan, Parties(called=plan.called[0]))
    history: list[Message] = []
    silent = 0
    print(_HELP if plan.is_open else f"{_HELP}\nThe dialplan is outside its opening hours.")  # noqa: T201
    try:
        history.append(Message("agent", await _hear(agent.greet())))
        async for line in _lines():
            silent = 0 if line else silent + 1
            turn = CallerTurn(line, digits=bool(_KEYS.fullmatch(line)), silent=silent)
            said = await _hear(agent.reply(turn, tuple(history)))
            if line:
                history.append(Message("caller", line))
            history.append(Message("agent", said))
    except _Ended:
        pass
    finally:
        await agent.close()


async def _lines() -> AsyncIterator[str]:
    """The typed lines, one for each turn."""
    while True:
        if sys.stdin.isatty():
            print("caller: ", end="", flush=True)  # noqa: T201
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            return
        if not sys.stdin.isatty():
            print(f"caller: {line.strip()}")  # noqa: T201
        yield line.strip()


async def _hear(reply: AsyncGenerator[AgentEvent, None]) -> str:
    """Prints a reply with its actions, and returns its text. Raises `_Ended`."""
    said = ""
    ended = False
    async with aclosing(reply) as events:
        async for event in events:
            match event:
                case Token(text):
                    said += text
                case Understood(intent, slots):
                    values = "".join(f", {name} = {value!r}" for name, value in slots.items())
                    print(f"        [understood: {intent or 'nothing'}{values}]")  # noqa: T201
                case ToolRun(name, outcome, detail):
                    print(f"        [tool {name}: {outcome}{f': {detail}' if detail else ''}]")  # noqa: T201
                case Trouble(error):
                    print(f"        [error: {error}]")  # noqa: T201
                case Action(kind, argument):
                    if said.strip():
                        print(f"agent:  {said.strip()}")  # noqa: T201
                        said = ""
                    print(f"        [{kind}{f': {argument}' if argument else ''}]")  # noqa: T201
                    ended = ended or kind in (ActionKind.HANG_UP, ActionKind.TRANSFER)
    if said.strip():
        print(f"agent:  {said.strip()}", flush=True)  # noqa: T201
    if ended:
        raise _Ended
    return said
