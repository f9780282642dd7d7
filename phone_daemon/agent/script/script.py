"""The scripted agent: a dialplan's conversation, streamed word by word like a language model's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Sequence

from phone_daemon.agent.agent import CallerTurn, Message, Parties
from phone_daemon.agent.script.conversation import Conversation
from phone_daemon.agent.script.state import Answer, State
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.events import Action, AgentEvent, Token, Understood

NOBODY = Parties()
_WORD = re.compile(r"\s*\S+")


class ScriptedAgent:
    """An `Agent` that follows a dialplan; the same turns always get the same replies."""

    def __init__(self, plan: Dialplan, parties: Parties = NOBODY) -> None:
        self._opening = parties.fill(plan.opening)
        self._conversation = Conversation(plan)
        self._state = State(said=self._opening, known=parties.values())
        self._before: State | None = None
        self._answer: Answer | None = None
        """The last answer, which led from `_before` to `_state`."""

    def greet(self) -> AsyncGenerator[AgentEvent, None]:
        return _stream((), self._opening, ())

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        """The call to `reply` itself takes in the turn, so that a reply that nobody reads can be retracted as well."""
        answer = self._conversation.answer(self._state, turn, interrupted=_interrupted(history))
        self._before, self._state, self._answer = self._state, answer.state, answer
        return _stream((answer.understood, *answer.before), answer.text, answer.after)

    def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
        """Where the recognizer is unsure, the script asks back, or takes an alternative that fits."""
        if self._before is None:
            return False
        return self._conversation.answer(self._before, turn, interrupted=_interrupted(history)) == self._answer

    def retract(self) -> None:
        if self._before is not None:
            self._state, self._before = self._before, None

    def wanted_digits(self) -> int:
        return self._conversation.wanted_digits(self._state)

    def expects(self) -> str:
        return self._conversation.expects(self._state)

    async def close(self) -> None:
        """Does nothing, because nothing is held."""


def _interrupted(history: Sequence[Message]) -> bool:
    last = next((message for message in reversed(history) if message.role == "agent"), None)
    return last is not None and last.interrupted


async def _stream(
    before: Iterable[Understood | Action], text: str, after: Iterable[Action]
) -> AsyncGenerator[AgentEvent, None]:
    for event in before:
        yield event
    for word in _WORD.findall(text):
        # Gives code that wants to stop this reply a chance to do so after every word.
        await asyncio.sleep(0)
        yield Token(word)
    for action in after:
        yield action
