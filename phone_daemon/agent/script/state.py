"""The state of a scripted conversation, and the result of a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from phone_daemon.events import Action, Understood


class Asked(Enum):
    """What the agent's last words asked for."""

    NOTHING = auto()
    SLOT = auto()
    CONFIRM = auto()
    CHANGE = auto()
    """Which value was wrong."""
    ADD = auto()
    """Whether there is anything to add to a text."""
    OFFER = auto()
    """Whether one of the `offered` intents was meant."""
    ELSE = auto()
    """Whether there is anything else."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a conversation stands."""

    asked: Asked = Asked.NOTHING
    slot: str = ""
    """The slot that was asked for."""
    intent: str = ""
    """The intent whose slots are being filled."""
    values: Mapping[str, str] = field(default_factory=dict)
    digits: str = ""
    """The digits so far of a number that comes in pieces."""
    offered: tuple[str, ...] = ()
    later: str = ""
    """The intent that was asked for in the same breath, which comes next, and its values."""
    later_values: Mapping[str, str] = field(default_factory=dict)
    done: str = ""
    """The intent that was settled last, and its values, which can still be corrected."""
    settled: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    """What the caller has left, one text per line."""
    misses: int = 0
    """Consecutive turns that were not understood."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Values that texts may name besides slots, as they are said (`agent.Parties`)."""
    said: str = ""
    used: Mapping[str, int] = field(default_factory=dict)
    """How often each text was said, because its wordings take turns."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a turn."""

    state: State
    understood: Understood
    text: str
    before: tuple[Action, ...] = ()
    """Actions that are done before anything is said."""
    after: tuple[Action, ...] = ()
