"""What a reply answers, and how to begin it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from phone_daemon.call.reply import Reply
from phone_daemon.events import Action, AgentEvent, Token

Stream = Callable[[], AsyncGenerator[AgentEvent, None]]


@dataclass(slots=True)
class Ask:
    """What a reply answers, and how to begin it."""

    stream: Stream
    text: str = ""
    """What the caller said; empty if they said nothing."""
    digits: bool = False
    retractable: bool = False
    """Whether it changes the agent's state, and so must be taken back if nobody hears it: true of the agent's answers,
    but not of what the call itself says."""
    continuation: Stream | None = None
    """How the agent continues an answer that noise interrupted before it was complete."""
    begun: Reply | None = None
    """The reply, if it was begun early; it can be started once."""
    remark: str = ""
    """The remark that the caller made when they interrupted the reply that this one resumes."""


def saying(text: str, actions: tuple[Action, ...] = (), caller: str = "") -> Ask:
    """A fixed `text` of the call itself, in answer to what the `caller` said."""

    async def stream() -> AsyncGenerator[AgentEvent, None]:
        yield Token(text)
        for action in actions:
            yield action

    return Ask(stream, caller)


def preceded(text: str, ask: Ask) -> Ask:
    """`ask`, with `text` said first."""

    async def stream() -> AsyncGenerator[AgentEvent, None]:
        yield Token(text)
        async with contextlib.aclosing(ask.stream()) as events:
            async for event in events:
                yield event

    return replace(ask, stream=stream)
