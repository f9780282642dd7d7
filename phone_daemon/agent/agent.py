"""What a call sees of its agent: the same interface whether a script or a language model does the thinking."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from phone_daemon.events import AgentEvent
from phone_daemon.language.numbers import spoken


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """One turn of the caller: words, digits, or nothing at all."""

    text: str
    """Final transcript, or the digits as they were pressed when `digits`; empty when `silent`.

    Empty otherwise: it was a noise that broke off the last reply, which is to be gone on with."""
    digits: bool = False
    silent: int = 0
    """n: the n-th time in a row that nothing came for `no_input_s`; 0: something came."""
    confidence: float = 1.0
    """How sure the recogniser is of `text`, 0 to 1."""
    others: tuple[str, ...] = ()
    """What else the caller may well have said, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the conversation's history; the agent's are cut to what was heard."""

    role: Literal["caller", "agent"]
    text: str
    interrupted: bool = False
    """An agent's line that the caller broke off: `text` is the part that was played."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom."""

    caller: str = ""
    """The caller's number; empty when it is withheld."""
    caller_name: str = ""
    """What their telephone or exchange calls them: anybody's word."""
    called: str = ""

    def values(self) -> dict[str, str]:
        """By the names that stand in a dialplan's texts, as they are said (`dialplan.intents.PARTIES`)."""
        numbers = {"caller": self.caller, "called": self.called}
        return {"caller_name": self.caller_name, **{name: _said(number) for name, number in numbers.items()}}

    def fill(self, text: str) -> str:
        """`text` with these in place of `{caller}`, `{caller_name}` and `{called}`."""
        values = self.values()
        filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)
        return re.sub(r"\s+(?=[,.!?])|(?<=\s)\s+", "", filled) if filled != text else text


def _said(number: str) -> str:
    digits = number.removeprefix("+")
    return spoken(digits) if digits.isascii() and digits.isdigit() else number


class Agent(Protocol):
    """One call's agent.

    A reply is an async generator of `Understood` (what the turn was taken to mean, where that is known),
    `Token`s whose texts join to what is said, `Action`s, each done once everything said before it has been played,
    and, for the turn's log, `ToolRun`s and `Trouble`s. A reply that is not read on does nothing more: what it began
    to do in the world, it told first.
    A reply may be begun before it is certain what the caller said: until it is, it is not read on past a `ToolRun`.
    `aclose()` lets go of a reply at once. One reply at a time; the one before it may still be closing.

    `Action(TAKE_MESSAGE, text)` comes before the reply's words, so that an interruption cannot lose it. Its text
    is everything the caller has left in this call so far: a later one replaces the one before.
    """

    def greet(self) -> AsyncGenerator[AgentEvent, None]:
        """What is said when the call is answered."""
        ...

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        """The answer to `turn`. `history` is what was said before it, oldest first, without `turn` itself."""
        ...

    def retract(self) -> None:
        """Forgets the last reply: it was dropped unheard, and its turn will be asked again, longer or otherwise."""
        ...

    def wanted_digits(self) -> int:
        """How many DTMF digits end the turn now: 1 for a menu choice, 0 when none are expected."""
        ...

    def expects(self) -> str:
        """The set in `Dialplan.phrase_sets` that the caller's next words most likely come from; empty: anything.

        True from the moment that `reply` has been called, or `retract`.
        """
        ...

    async def close(self) -> None:
        """Lets go of whatever the agent holds; harmless when done twice."""
        ...
