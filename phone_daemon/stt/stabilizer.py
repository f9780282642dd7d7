"""Turns partial transcripts into a prefix that is never taken back, and keeps what the recognizer may still revise
apart.

A recognizer changes its mind about the last words as it hears more. A word is stable once it, and every word before it,
has remained unchanged for a window of the caller's time. Spelling does not matter: a recognizer that adds capitals and
commas as it goes on has not changed its mind.
"""

from __future__ import annotations

from collections.abc import Sequence

_MARKS = ".,;:!?…\"'“”‘’()[]-–—"


def word_key(word: str) -> str:
    """The key by which words are compared: the letters and digits, without case and surrounding punctuation."""
    return word.strip(_MARKS).casefold() or word


class Stabilizer:
    """One utterance's transcripts. Positions count the caller's samples, and never decrease."""

    def __init__(self, window: int) -> None:
        """`window`: samples for which a word must remain unchanged; 0: every word is stable at once."""
        self._window = window
        self._committed: list[str] = []
        self._words: list[str] = []
        """The words of the newest partial."""
        self._since: list[int] = []
        """For each word of the newest partial, the position from which on it and all words before it have been
        unchanged."""
        self._over = False

    @property
    def stable(self) -> str:
        """The committed text, which only grows."""
        return " ".join(self._committed)

    def feed(self, text: str, position: int) -> str:
        """Takes the newest partial, and returns the words that have just become stable. Since that depends on time,
        feed the same partial again while it does not change."""
        assert not self._over, "a partial after the final"
        words = text.split()
        stood = _common(words, self._words)
        self._words = words
        self._since = self._since[:stood] + [position] * (len(words) - stood)
        if not self._keeps(words):
            return ""  # until a later partial agrees with it again, or the final decides
        ripe = len(self._committed)
        while ripe < len(words) and position - self._since[ripe] >= self._window:
            ripe += 1
        new = words[len(self._committed) : ripe]
        self._committed += new
        return " ".join(new)

    def finalize(self, text: str) -> str:
        """Ends the utterance, once. Returns the committed text if the final contradicts it; empty if the final keeps
        it."""
        assert not self._over, "a second final"
        self._over = True
        return "" if self._keeps(text.split()) else self.stable

    def _keeps(self, words: Sequence[str]) -> bool:
        """Whether `words` begin with the committed words."""
        return _common(words, self._committed) == len(self._committed)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words, from the first on, are the same in both."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs and word_key(mine) != word_key(theirs):
            break
        count += 1
    return count
