"""The interface between a call and its agent, the same for a script and a language model."""

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
    """Final transcript, or, if `digits`, the digits as they were pressed; empty if `silent`.

    If it is empty otherwise, the last reply was interrupted by a noise and should be continued.
    """
    digits: bool = False
    silent: int = 0
    """n: the n-th consecutive time that nothing came for `no_input_s`; 0: something came."""
    confidence: float = 1.0
    """How sure the recognizer is of `text`, 0 to 1."""
    others: tuple[str, ...] = ()
    """Other texts that the caller may well have said, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the conversation's history; the agent's lines are cut to what was heard."""

    role: Literal["caller", "agent"]
    text: str
    interrupted: bool = False
    """Whether the caller interrupted this line of the agent's: `text` is the part that was played."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom."""

    caller: str = ""
    """The caller's number; empty if it is withheld."""
    caller_name: str = ""
    """The caller's name as given by their phone or exchange; anybody can set this."""
    called: str = ""

    def values(self) -> dict[str, str]:
        """The values, as they are said, by their names in a dialplan's texts (`dialplan.intents.PARTIES`)."""
        numbers = {"caller": self.caller, "called": self.called}
        return {"caller_name": self.caller_name, **{name: _said(number) for name, number in numbers.items()}}

    def fill(self, text: str) -> str:
        """`text` with these values in place of `{caller}`, `{caller_name}`, and `{called}`."""
        values = self.values()
        filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)
        return re.sub(r"\s+(?=[,.!?])|(?<=\s)\s+", "", filled) if filled != text else text


def _said(number: str) -> str:
    digits = number.removeprefix("+")
    return spoken(digits) if digits.isascii() and digits.isdigit() else number


class Agent(Protocol):
    """One call's agent.

    A reply is an async generator. It yields `Understood` (what the turn was taken to mean, if known), `Token`s whose
    texts join to what is said, and `Action`s, each of which is carried out once everything said before it has been
    played; and, for the turn's log, `ToolRun`s and `Trouble`s. A reply that is not read any further does nothing more:
    it reports an effect on the outside world before it begins it. A reply may be begun before it is certain what the
    caller said; until it is certain, the reply is not read past a `ToolRun`. `aclose()` ends a reply at once. There is
    one reply at a time; the previous one may still be closing.

    `Action(TAKE_MESSAGE, text)` comes before the reply's words, so that an interruption cannot lose it. Its text is
    everything that the caller has left in this call so far: a later one replaces an earlier one.
    """

    def greet(self) -> AsyncGenerator[AgentEvent, None]:
        """Says the greeting when the call is answered."""
        ...

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        """The answer to `turn`. `history` is what was said before it, oldest first, without `turn` itself."""
        ...

    def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
        """Whether the last reply, which was begun before it was certain what the caller said, also answers `turn`: the
        same words, with their confidence and alternatives."""
        ...

    def retract(self) -> None:
        """Forgets the last reply: it was dropped unheard, and its turn will be asked again, longer or with other
        words."""
        ...

    def wanted_digits(self) -> int:
        """How many DTMF digits end the turn now: 1 for a menu choice, 0 if none are expected."""
        ...

    def expects(self) -> str:
        """The set in `Dialplan.phrase_sets` from which the caller's next words most likely come; empty for anything.

        Valid from the moment when `reply` or `retract` is called.
        """
        ...

    async def close(self) -> None:
        """Releases whatever the agent holds. Idempotent."""
        ...
