"""Partial transcripts → a prefix that is never taken back; what a recogniser may still revise is kept apart.

A recogniser changes its mind about the last words while it hears more. A word is stable once it, and every word
before it, has stood unchanged for a window of the caller's time. Words are the same however they are written: a
recogniser that adds capitals and commas as it goes on has not changed its mind.
"""

from __future__ import annotations

from collections.abc import Sequence

_MARKS = ".,;:!?…\"'“”‘’()[]-–—"


def word_key(word: str) -> str:
    """What makes a word the same as another: its letters and digits, without case and the marks around it."""
    return word.strip(_MARKS).casefold() or word


class Stabilizer:
    """One utterance's transcripts. Positions count the caller's samples, and never go back."""

    def __init__(self, window: int) -> None:
        """`window`: samples for which a word must have stood; 0: every word is stable at once."""
        self._window = window
        self._committed: list[str] = []
        self._words: list[str] = []
        """Of the newest partial."""
        self._since: list[int] = []
        """By word of the newest partial: the position from which on it and all before it have stood."""
        self._over = False

    @property
    def stable(self) -> str:
        """What is committed: it only grows."""
        return " ".join(self._committed)

    def feed(self, text: str, position: int) -> str:
        """Takes the newest partial; the words that are stable from now on. Time tells: feed it again meanwhile."""
        assert not self._over, "a partial after the final"
        words = text.split()
        stood = _common(words, self._words)
        self._words = words
        self._since = self._since[:stood] + [position] * (len(words) - stood)
        if not self._keeps(words):
            return ""  # until a partial comes back to it, or the final tells
        ripe = len(self._committed)
        while ripe < len(words) and position - self._since[ripe] >= self._window:
            ripe += 1
        new = words[len(self._committed) : ripe]
        self._committed += new
        return " ".join(new)

    def finalize(self, text: str) -> str:
        """The end of the utterance, once. Returns what was committed and the final contradicts; empty: it keeps it."""
        assert not self._over, "a second final"
        self._over = True
        return "" if self._keeps(text.split()) else self.stable

    def _keeps(self, words: Sequence[str]) -> bool:
        """Whether `words` begin with what is committed."""
        return _common(words, self._committed) == len(self._committed)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words from the first on are the same in both."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs and word_key(mine) != word_key(theirs):
            break
        count += 1
    return count
