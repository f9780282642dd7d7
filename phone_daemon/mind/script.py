"""The scripted agent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from phone_daemon.events import MindEvent
from phone_daemon.mind.agent import CallerTurn, Message
from phone_daemon.mind.dialplan import Dialplan


class ScriptedMind:
    """A `Mind` that follows a dialplan; the same turns always get the same replies."""

    def __init__(self, plan: Dialplan) -> None:
        self._plan = plan

    def greet(self) -> AsyncGenerator[MindEvent, None]:
        raise NotImplementedError

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[MindEvent, None]:
        raise NotImplementedError

    def retract(self) -> None:
        raise NotImplementedError

    def wanted_digits(self) -> int:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError
