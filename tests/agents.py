"""Agents with unusual behavior: users write agents too, and a call must cope with any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.events import Action, ActionKind, AgentEvent, Token

Stream = Callable[[], AsyncGenerator[AgentEvent, None]]

GREETING = "Hello. How can I help you?"


def text(said: str, *, before_s: float = 0.0, each_s: float = 0.0, then: Sequence[Action] = ()) -> Stream:
    """Says it word by word: the first word after `before_s`, each further one `each_s` later."""

    async def stream() -> AsyncGenerator[AgentEvent, None]:
        await asyncio.sleep(before_s)
        for word in said.split():
            yield Token(word + " ")
            await asyncio.sleep(each_s)
        for action in then:
            yield action

    return stream


def goodbye(said: str) -> Stream:
    return text(said, then=[Action(ActionKind.HANG_UP)])


class Lines:
    """Gives one reply after the other, repeating the last one forever; records what it was asked.

    A reply that it has to take back is the next one again, unless `moves_on`.
    """

    def __init__(
        self, *replies: Stream, greeting: Stream | None = None, digits: int = 0, moves_on: bool = False
    ) -> None:
        self.asked: list[CallerTurn] = []
        """Without what it had to take back."""
        self.begun: list[CallerTurn] = []
        """All it was asked."""
        self.histories: list[list[Message]] = []
        self.retracted = 0
        self.closed = 0
        self._greeting = greeting or text(GREETING)
        self._replies = replies
        self._moves_on = moves_on
        self.digits = digits

    def greet(self) -> AsyncGenerator[AgentEvent, None]:
        return self._greeting()

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        self.asked.append(turn)
        self.begun.append(turn)
        self.histories.append(list(history))
        nth = len(self.begun if self._moves_on else self.asked)
        return self._replies[min(nth, len(self._replies)) - 1]()

    def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
        return True

    def retract(self) -> None:
        self.retracted += 1
        self.asked.pop()

    def wanted_digits(self) -> int:
        return self.digits

    def expects(self) -> str:
        return ""

    async def close(self) -> None:
        self.closed += 1
