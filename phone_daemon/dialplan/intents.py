"""The data of a dialplan's script: what callers can ask, what the agent asks in turn, and what it says."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import count

import pydantic.dataclasses

from phone_daemon.dialplan.policy import Policy
from phone_daemon.dialplan.slots import TEXT, YES_NO, Choice, Day, Digits, Kind, Time, YesNo
from phone_daemon.language.yes_no import YES_NO_EXAMPLES, YES_NO_GOODBYES
from phone_daemon.settings.values import MODEL, Texts


class Then(StrEnum):
    """What follows an intent's answer."""

    MORE = "more"
    """The agent asks whether there is anything else."""
    LISTEN = "listen"
    HANG_UP = "hang_up"
    TRANSFER = "transfer"
    REPEAT = "repeat"
    """The agent says its last words again instead of an answer."""


PARTIES = ("caller", "caller_name", "called")
"""Placeholders that every text may use, as if they were slots: the caller's number and name, and the number dialed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """`[slots.NAME]`: something to be asked for."""

    name: str
    kind: Kind
    ask: tuple[str, ...]
    again: tuple[str, ...]
    """Asked after an answer that was not understood; `ask` if the file has none."""
    refuse: tuple[str, ...] = ()
    """Said when a value is refused; `{NAME}` stands for the value."""

    @property
    def expects(self) -> str:
        """The name of the set of answers to `ask`: slots with the same answers share one; "text" means any words."""
        match self.kind:
            case Day():
                return "day"
            case Time():
                return "time"
            case YesNo():
                return YES_NO
            case Digits(low, high):
                return f"digits_{low}_{high}"
            case Choice():
                return f"choice_{self.name}"
            case _:
                return TEXT


@dataclass(frozen=True, slots=True)
class Intent:
    """`[intents.NAME]`: something that a caller may want."""

    name: str
    sentences: tuple[str, ...]
    """`caller_says`, expanded; slots remain as `{name}`."""
    slots: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    """Asked when all slots are filled; empty: no confirmation."""
    say: tuple[str, ...] = ()
    closed_say: tuple[str, ...] = ()
    """Said outside opening hours instead of everything else."""
    suggest: str = ""
    """The intent that a yes to `closed_say` starts."""
    then: Then = Then.MORE
    transfer_to: str = ""
    brief: tuple[str, ...] = ()
    """What the other party of a transfer is told first; empty: a blind transfer."""
    digit: str = ""
    """The key that selects it."""
    offer: str = ""
    """How a menu offers it: `to book an appointment`; empty: it is in no menu."""
    barge_in: Policy | None = None
    """What interrupts replies about this intent; None: the dialplan's `[barge_in]`."""


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=MODEL)
class Prompts:
    """What the agent says besides its answers; several wordings are used in turn."""

    unclear: Texts = ("Sorry, I did not understand that. Could you say it another way?",)
    """Said when the agent did not understand."""
    choices: Texts = ("Here is what I can do. {choices}",)
    """Said after two misses in a row. `{choices}`: the menu, from `offer` and `digit` of the intents."""
    clarify: Texts = ("Would you like {choices}?",)
    """Said when several intents match, or one matches only in part. `{choices}`: their offers."""
    yes_or_no: Texts = ("Please say yes or no, or press 1 for yes, 2 for no.",)
    """Said when the answer was neither yes nor no."""
    change: Texts = ("Sorry about that. What should I change?",)
    """Asked when the caller says no to a confirmation."""
    so_far: Texts = ("I have {digits} so far. What comes next?",)
    """Said when a number comes in pieces. `{digits}`: the digits so far."""
    add: Texts = ("Is there anything to add?",)
    """Asked after the caller has left a message."""
    listening: Texts = ("Go ahead, I am listening.",)
    """Said in reply to "hold on" or "are you there"."""
    anything_else: Texts = ("Is there anything else?",)
    """Asked after an answer."""
    what_else: Texts = ("What can I do for you?",)
    """Asked when the caller wants something else."""
    goodbye: Texts = ("Thank you for calling. Goodbye.",)
    """Said before the agent hangs up."""


USUAL = Prompts()


@dataclass(frozen=True)
class Script:
    intents: Mapping[str, Intent]
    slots: Mapping[str, Slot]
    prompts: Prompts = USUAL
    keys: Mapping[str, str] = field(default_factory=dict)
    """Intents by the key that selects them."""

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Every text that the agent may say, with `{name}` where a value is filled in."""
        slots = (text for each in self.slots.values() for text in (*each.ask, *each.again, *each.refuse))
        intents = (text for each in self.intents.values() for text in (*each.confirm, *each.say, *each.closed_say))
        prompts = (text for texts in dataclasses.asdict(self.prompts).values() for text in texts)
        return (*slots, *intents, *prompts)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Example sentences for everything that callers may say, with values in place of slots. Cached, because every
        call needs them."""
        found: dict[str, None] = {}
        values = {name: slot.kind.examples() for name, slot in self.slots.items()}
        turn = {name: count() for name in values}

        def value(match: re.Match[str]) -> str:
            known = values[match[1]]
            return known[next(turn[match[1]]) % len(known)] if known else ""

        for intent in self.intents.values():
            for sentence in intent.sentences:
                filled = re.sub(r"\{(\w+)\}", value, sentence)
                found[" ".join(filled.split())] = None
        for known in values.values():
            found.update(dict.fromkeys(known))
        found.update(dict.fromkeys(YES_NO_EXAMPLES))
        return tuple(found)

    def answers(self) -> dict[str, tuple[str, ...]]:
        """Ways to answer the agent's questions, by `Slot.expects`. A correction or a goodbye may come with a yes or
        no."""
        kinds = [slot.kind for slot in self.slots.values()]
        corrections = (f"no {value}" for kind in kinds if not isinstance(kind, Digits) for value in kind.examples())
        goodbyes = (say for intent in self.intents.values() if intent.then is Then.HANG_UP for say in intent.sentences)
        sets = {YES_NO: (*YES_NO_EXAMPLES, *YES_NO_GOODBYES, *goodbyes, *corrections)}
        told = [slot for slot in self.slots.values() if slot.expects not in (TEXT, YES_NO)]
        sets |= {slot.expects: slot.kind.answers() for slot in told}
        return {name: tuple(dict.fromkeys(said)) for name, said in sets.items()}


_URI = re.compile(r"(?:sips?:[^\s@]+@[^\s@]+|sips?:[^\s@]+|tel:\+?[\d.-]+)")


def is_uri(text: str) -> bool:
    """Whether `text` is a SIP or tel URI that a call can be transferred to."""
    return bool(_URI.fullmatch(text))
