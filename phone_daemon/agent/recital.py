"""An agent that says one thing and hangs up, such as a message for an answering machine."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence

from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.events import Action, ActionKind, AgentEvent, Token

_WORD = re.compile(r"\s*\S+")


class Recital:
    """An `Agent` that expects no answer."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def greet(self) -> AsyncGenerator[AgentEvent, None]:
        for word in _WORD.findall(self._text):
            yield Token(word)
        yield Action(ActionKind.HANG_UP)

    async def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        yield Action(ActionKind.HANG_UP)

    def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
        return True

    def retract(self) -> None:
        """Does nothing, because nothing was taken in."""

    def wanted_digits(self) -> int:
        return 0

    def expects(self) -> str:
        return ""

    async def close(self) -> None:
        """Does nothing, because nothing is held."""
