"""Conversations with an agent, written as transcripts.

    caller: i'd like to book an appointment
    means: book
    agent: Which day would suit -- you?          (the caller interrupts at "--")
    keys: 1                                       (DTMF)
    silence: 2                                    (the second silence in a row)
    does: hang_up
    forgotten                                     (the last reply was dropped unheard: retract)

`means`, `agent` and `does` are compared with what the agent does. `means` may be left out; a reply without a `does`
does nothing.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, Dialplans
from phone_daemon.events import Action, Token, Understood

OPEN = datetime(2026, 3, 3, 10, 0)
"""A Tuesday morning."""
CLOSED = datetime(2026, 3, 3, 23, 0)


@cache
def shipped(name: str, now: datetime = OPEN) -> Dialplan:
    plans = Dialplans.load([SHIPPED / f"{name}.toml"])
    return next(iter(plans)).at(now)


async def play(plan: Dialplan, transcript: str) -> list[str]:
    """What really happens when the caller's side of `transcript` is played, in the same form."""
    agent = ScriptedAgent(plan)
    history = [Message("agent", plan.opening)]
    happened: list[str] = []
    for line in (line.strip() for line in transcript.strip().splitlines()):
        kind, _, text = line.partition(": ")
        if kind == "agent" and " -- " in text:
            # Interrupted: the history is cut to what was heard, and the mark is put where the transcript has it.
            heard = text.partition(" -- ")[0]
            assert happened[-1].startswith("agent: ") and history[-1].text.startswith(heard), (happened[-1], heard)
            happened[-1] = f"agent: {heard} --{history[-1].text.removeprefix(heard)}"
            history[-1] = Message("agent", heard, interrupted=True)
        elif kind == "forgotten":
            agent.retract()
            del history[-2:]
            happened.append(line)
        elif kind in ("caller", "keys", "silence"):
            silent = int(text) if kind == "silence" else 0
            turn = CallerTurn("" if silent else text, kind == "keys", silent)
            happened.append(line)
            said = ""
            actions = []
            async for event in agent.reply(turn, tuple(history)):
                match event:
                    case Understood(intent, slots):
                        happened.append(" ".join(["means:", intent, *(f"{k}={v}" for k, v in slots.items())]))
                    case Token(piece):
                        said += piece
                    case Action(kind=done, argument=argument):
                        actions.append(f"does: {done} {argument}".strip())
            happened += [f"agent: {said}", *actions]
            history += [Message("caller", turn.text), Message("agent", said)]
    await agent.close()
    return happened


async def holds(plan: Dialplan, transcript: str) -> None:
    """Asserts that the conversation goes as written. A `means` that the transcript leaves out is not compared."""
    happened = await play(plan, transcript)
    wanted = [line.strip() for line in transcript.strip().splitlines()]
    kept: list[str] = []
    waiting = list(wanted)
    for line in happened:
        if line.startswith("means:") and not (waiting and waiting[0].startswith("means:")):
            continue
        kept.append(line)
        if waiting:
            waiting.pop(0)
    assert kept == wanted, "\n".join(["", *happened])
