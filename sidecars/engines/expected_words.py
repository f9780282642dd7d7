"""What callers are expected to say, as a bias for a decoder: words that follow each other in a dialplan's phrases.

A token gets a bonus when, with the word before it, it spells or begins a pair of words that the phrases hold. The bonus
is taken back when the word then turns out to be another one, so that what nobody expects comes out as without bias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Phrases = Mapping[str, Mapping[str, Sequence[str]]]
"""By dialplan, by what was asked (empty: anything), the sentences."""

_BEGIN = ""
"""Stands before the first word."""


class _State(NamedTuple):
    before: str
    """The word before this one; empty at the start."""
    word: str
    """What there is of this one."""
    pending: float
    """Bonus that is taken back if it becomes another word."""


class ExpectedWords:
    """A `Bias` for one dialplan and question."""

    WEIGHT = 1.0
    """Natural logarithm, a token."""

    def __init__(self, pieces: Sequence[str], sets: Mapping[str, Sequence[str]], expected: str, weight: float) -> None:
        """`pieces`: the vocabulary; `sets`: the phrases by what was asked."""
        self._pieces = pieces
        self._weight = weight
        self._words: dict[str, set[str]] = defaultdict(set)
        """By word, those that follow it."""
        for phrase in (*sets.get("", ()), *(sets.get(expected, ()) if expected else ())):
            before = _BEGIN
            for word in map(_plain, phrase.split()):
                self._words[before].add(word)
                before = word
        self._prefixes = {
            before: {word[:end] for word in words for end in range(1, len(word) + 1)}
            for before, words in self._words.items()
        }
        self.start = _State(_BEGIN, "", 0.0)

    def advance(self, state: _State, token: int) -> tuple[_State, float]:
        """See `Bias`."""
        piece = self._pieces[token]
        bonus = 0.0
        if piece.startswith(" ") and state.word:
            bonus += self._settle(state)
            state = _State(state.word, "", 0.0)
        letters = _plain(piece)
        if not letters:
            return state, bonus
        word = state.word + letters
        if word in self._prefixes.get(state.before, ()):
            return _State(state.before, word, state.pending + self._weight), bonus + self._weight
        return _State(state.before, word, 0.0), bonus - state.pending

    def end(self, state: _State) -> float:
        """See `Bias`."""
        return self._settle(state)

    def _settle(self, state: _State) -> float:
        """The word is complete: what was given for another one that begins like it is taken back."""
        return 0.0 if state.word in self._words.get(state.before, ()) else -state.pending


def _plain(text: str) -> str:
    return "".join(each for each in text.lower() if each.isalnum() or each == "'")


def checked_phrases(phrases: Any) -> Phrases:
    """Phrases as they come from the options: by dialplan a list of sentences, or a table of lists with "" in it.

    Raises `ValueError` for anything else.
    """
    if not isinstance(phrases, Mapping):
        raise ValueError("phrases: must be a table, by dialplan")
    found = {name: said if isinstance(said, Mapping) else {"": said} for name, said in phrases.items()}
    for name, sets in found.items():
        lists = all(isinstance(said, list) and all(isinstance(each, str) for each in said) for said in sets.values())
        if "" not in sets or not lists:
            raise ValueError(f'phrases of {name}: must be a list of strings, or a table of such lists with "" in it')
    return found
