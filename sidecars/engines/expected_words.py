"""What callers are expected to say, as a bias for a decoder: words that follow each other in a dialplan's phrases.

A token gets a bonus when, with the word before it, it spells or begins a pair of words that the phrases hold. The bonus
is taken back when the word then turns out to be another one, so that what nobody expects comes out as without bias.
Answers to what was just asked count for more, and wherever they stand: "um, Wednesday, I guess".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

Phrases = Mapping[str, Mapping[str, Sequence[str]]]
"""By dialplan, by what was asked (empty: anything), the sentences."""

ANY, ASKED, ANYWHERE = 0.5, 2.0, 1.0
"""Bonus a token, as a natural logarithm: of any phrase, of an answer to what was asked, of a word of such an answer
after another word. Chosen on the sets whose names end in `_tune`, by words wrong: natural sentences 12.2 % without
bias, 10.4 so (13.7 at 2.5); days and times 28 and 9 %; eight digits 15 and 7 %; yes or no 33 and 21 %."""
LEAST_ANYWHERE = 3
"""Letters of a word that is expected anywhere; shorter ones sound like too many others."""

_PARTS = re.compile(r"[\s-]+")
"""Between words: "twenty-one" is two of them."""
_BEGIN = ""
"""Stands before the first word."""


class _State(NamedTuple):
    before: str
    """The word before this one; empty at the start."""
    word: str
    """What there is of this one."""
    pending: float
    """Bonus that is taken back if it becomes another word."""


class _Words:
    """Words and what they begin with, by the word before them."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self.whole: dict[str, set[str]] = defaultdict(set)
        self.alone: set[str] = set()
        """Those that are a phrase by themselves."""
        for phrase in phrases:
            before = _BEGIN
            words = [word for word in map(_plain, _PARTS.split(phrase)) if word]
            for word in words:
                self.whole[before].add(word)
                before = word
            if len(words) == 1:
                self.alone.add(words[0])
        self.begun = {before: _beginnings(words) for before, words in self.whole.items()}
        self.words = {word for words in self.whole.values() for word in words}
        self.anywhere = {word for word in self.words if len(word) >= LEAST_ANYWHERE}
        self.begun_anywhere = _beginnings(self.anywhere)


@lru_cache(maxsize=32)
def _words(phrases: tuple[str, ...]) -> _Words:
    """What may be said at any time is the same for each question of a dialplan."""
    return _Words(phrases)


class ExpectedWords:
    """A `Bias` for one dialplan and question."""

    def __init__(self, pieces: Sequence[str], sets: Mapping[str, Sequence[str]], asked: str, weight: float) -> None:
        """`pieces`: the vocabulary; `sets`: phrases by what was asked; `asked`: which of them; `weight` multiplies
        every bonus."""
        self._pieces = pieces
        self._weight = weight
        self._any = _words(tuple(sets.get("", ())))
        self._asked = _words(tuple(sets.get(asked, ()) if asked else ()))
        self.start = _State(_BEGIN, "", 0.0)

    def advance(self, state: _State, token: int) -> tuple[_State, float]:
        """See `Bias`."""
        piece = self._pieces[token]
        bonus = 0.0
        if _PARTS.match(piece) and state.word:
            bonus += self._end_word(state)
            state = _State(state.word, "", 0.0)
        letters = _plain(piece)
        if not letters:
            return state, bonus
        word = state.word + letters
        more = self._bonus(state.before, word)
        if more:
            return _State(state.before, word, state.pending + more), bonus + more
        return _State(state.before, word, 0.0), bonus - state.pending

    def end(self, state: _State) -> float:
        """See `Bias`. A lone word that only begins a phrase is not expected: of noise the model likes to say "You"."""
        lone = state.before == _BEGIN and state.word not in self._any.alone | self._asked.words
        return -state.pending if lone else self._end_word(state)

    def of(self, tokens: Iterable[int]) -> float:
        """What a whole text gets."""
        state, bonus = self.start, 0.0
        for token in tokens:
            state, more = self.advance(state, token)
            bonus += more
        return bonus + self.end(state)

    def _end_word(self, state: _State) -> float:
        """What was given for another word that begins like this one is taken back."""
        before, word = state.before, state.word
        asked = self._asked
        expected = word in asked.whole.get(before, ()) or word in asked.anywhere
        return 0.0 if expected or word in self._any.whole.get(before, ()) else -state.pending

    def answers(self, text: str) -> bool:
        """Whether `text` may well be an answer to what was asked: of its words, all but one at most are of answers."""
        words = [word for word in map(_plain, _PARTS.split(text)) if word]
        strange = sum(word not in self._asked.words for word in words)
        return strange <= 1 and not self._asked.anywhere.isdisjoint(words)

    def _bonus(self, before: str, begun: str) -> float:
        """For a word that begins so, after `before`."""
        if begun in self._asked.begun.get(before, ()):
            return ASKED * self._weight
        if begun in self._asked.begun_anywhere:
            return ANYWHERE * self._weight
        return ANY * self._weight if begun in self._any.begun.get(before, ()) else 0.0


@cache
def _plain(text: str) -> str:
    """The letters of a word or of a token. Every step of the decoder asks for those of some tokens."""
    return "".join(each for each in text.lower() if each.isalnum() or each == "'")


def _beginnings(words: Iterable[str]) -> set[str]:
    return {word[:end] for word in words for end in range(1, len(word) + 1)}


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
