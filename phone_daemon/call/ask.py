"""What a reply answers, and where its words come from."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from phone_daemon.call.reply import Reply
from phone_daemon.events import Action, AgentEvent, Token

Stream = Callable[[], AsyncGenerator[AgentEvent, None]]


@dataclass(slots=True)
class Ask:
    """What a reply answers, and how it is begun."""

    stream: Stream
    text: str = ""
    """What the caller said; empty when nothing was."""
    digits: bool = False
    retractable: bool = False
    """It moves the agent on, and must be taken back if nobody hears it: an answer, not the call's own words."""
    continuation: Stream | None = None
    """How the agent continues its answer, when mere noise interrupted it before the agent had finished it."""
    begun: Reply | None = None
    """The reply, when it was begun early; for one start."""
    remark: str = ""
    """What the caller said in passing when the reply that this one resumes was interrupted."""


def saying(text: str, actions: tuple[Action, ...] = (), caller: str = "") -> Ask:
    """Words of the call's own, in answer to what the `caller` said."""

    async def stream() -> AsyncGenerator[AgentEvent, None]:
        yield Token(text)
        for action in actions:
            yield action

    return Ask(stream, caller)


def led(text: str, ask: Ask) -> Ask:
    """`ask`, with `text` said first."""

    async def stream() -> AsyncGenerator[AgentEvent, None]:
        yield Token(text)
        async with contextlib.aclosing(ask.stream()) as events:
            async for event in events:
                yield event

    return replace(ask, stream=stream)
