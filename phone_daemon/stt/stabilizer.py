"""Partial transcripts → a prefix that is never taken back; what a recogniser may still revise is kept apart.

A recogniser changes its mind about the last words while it hears more. A word is stable once it, and every word
before it, has stood unchanged for a window of the caller's time. Words are the same however they are written: a
recogniser that adds capitals and commas as it goes on has not changed its mind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MARKS = ".,;:!?…\"'“”‘’()[]-–—"


def word_key(word: str) -> str:
    """What makes a word the same as another: its letters and digits, without case and the marks around it."""
    return word.strip(_MARKS).casefold() or word


@dataclass(frozen=True, slots=True)
class Settled:
    """A final transcript beside what was given out of its partials."""

    text: str
    """The whole final."""
    rest: str = ""
    """What of it was not given out yet; empty when it contradicts what was."""
    contradicts: str = ""
    """What was given out, when the final does not begin with it; empty: the final keeps it."""


class Stabilizer:
    """One utterance's transcripts. Positions count the caller's samples, and never go back."""

    def __init__(self, window: int) -> None:
        """`window`: samples for which a word must have stood; 0: every word is stable at once."""
        self._window = window
        self._given: list[str] = []
        self._words: list[str] = []
        """Of the newest partial."""
        self._since: list[int] = []
        """By word of the newest partial: the position from which on it and all before it have stood."""
        self._over = False

    @property
    def stable(self) -> str:
        """What was given out: it only grows."""
        return " ".join(self._given)

    @property
    def unstable(self) -> str:
        """What the newest partial has beyond that; empty while it contradicts what was given out."""
        return " ".join(self._words[len(self._given) :]) if self._keeps(self._words) else ""

    def feed(self, text: str, position: int) -> str:
        """Takes the newest partial; the words that are stable from now on. Time tells: feed it again meanwhile."""
        assert not self._over, "a partial after the final"
        words = text.split()
        stood = _common(words, self._words)
        self._words = words
        self._since = self._since[:stood] + [position] * (len(words) - stood)
        if not self._keeps(words):
            return ""  # until a partial comes back to it, or the final tells
        ripe = len(self._given)
        while ripe < len(words) and position - self._since[ripe] >= self._window:
            ripe += 1
        new = words[len(self._given) : ripe]
        self._given += new
        return " ".join(new)

    def finalize(self, text: str) -> Settled:
        """The end of the utterance: once, and nothing is given out after it."""
        assert not self._over, "a second final"
        self._over = True
        words = text.split()
        if not self._keeps(words):
            return Settled(text, contradicts=self.stable)
        return Settled(text, " ".join(words[len(self._given) :]))

    def _keeps(self, words: Sequence[str]) -> bool:
        """Whether `words` begin with what was given out."""
        return _common(words, self._given) == len(self._given)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words from the first on are the same in both."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs and word_key(mine) != word_key(theirs):
            break
        count += 1
    return count
