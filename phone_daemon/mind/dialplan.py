"""Dialplans: which agent answers a called number, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

SHIPPED = Path(__file__).resolve().parent.parent / "dialplans"
"""The dialplans that come with the package; `SHIPPED / "dental_clinic.toml"` answers when no settings say otherwise."""


class DialplanError(Exception):
    """Dialplans that cannot be used; `lines` tells each problem in one line: file, line, key, what, how to mend it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class BargeIn:
    """`[barge_in]`: what takes the floor from the agent."""

    mode: Literal["speech", "words", "off"] = "speech"
    """`speech`: the caller's voice; `words`: at least `min_words` recognised words; `off`: nothing."""
    min_words: int = 1
    min_speech_s: float | None = None
    """Speech it takes, instead of the `[vad]` setting."""
    greeting: bool = True
    """Whether the greeting can be interrupted."""


@dataclass(frozen=True, slots=True)
class Dialplan:
    name: str
    greeting: str
    closed_greeting: str = ""
    """Said instead of `greeting` outside opening hours."""
    voice: dict[str, Any] = field(default_factory=dict)
    """Options for the synthesis engine: `voice` (name), `rate` (1.0: normal)."""
    barge_in: BargeIn = BargeIn()
    no_input_s: float = 7.0
    no_input: tuple[str, ...] = ()
    max_no_input: int = 2
    agent: str = "script"
    is_open: bool = True
    """False in what `Dialplans.match` returns outside opening hours."""

    def phrases(self) -> tuple[str, ...]:
        """Example sentences a caller may say, lower case, for the recogniser's language model."""
        raise NotImplementedError


class Dialplans:
    @classmethod
    def load(cls, paths: Iterable[Path]) -> Dialplans:
        """Raises `DialplanError`."""
        raise NotImplementedError

    def match(self, called: str, now: datetime) -> Dialplan | None:
        """The dialplan for `called`, as it is at `now`: most specific first; None when none matches."""
        raise NotImplementedError

    def __iter__(self) -> Any:
        raise NotImplementedError
