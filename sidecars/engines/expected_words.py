"""Biases a decoder toward what callers are expected to say: pairs of words from a dialplan's phrases.

A token gets a bonus if, together with the word before it, it spells or begins such a pair. The bonus is taken back if
the word turns out to be a different one, so that unexpected words come out as they would without bias. Answers to what
was just asked get a larger bonus, and get it wherever they stand: "um, Wednesday, I guess".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

Phrases = Mapping[str, Mapping[str, Sequence[str]]]
"""Sentences by dialplan, and by what was asked (empty: at any time)."""

ANY, ASKED, ANYWHERE = 0.5, 2.0, 1.0
"""The bonus per token (natural logarithm) for any phrase, for an answer to what was asked, and for a word of such an
answer after any other word. They were chosen by word error rates on the sets whose names end in `_tune`: natural
sentences 12.2 % without bias and 10.4 % with it (13.7 % with 2.5); days and times 28 and 9 %; eight digits 15 and 7 %;
yes or no 33 and 21 %."""
LEAST_ANYWHERE = 3
"""Only words with at least this many letters are expected anywhere; shorter ones sound like too many others."""

_PARTS = re.compile(r"[\s-]+")
"""Between words: "twenty-one" is two of them."""
_BEGIN = ""
"""Stands before the first word."""


class _State(NamedTuple):
    before: str
    """The word before this one; empty at the start."""
    word: str
    """What has been spelled of this one."""
    pending: float
    """The bonus that is taken back if it becomes a word that is not expected."""


class _Words:
    """The words of phrases, and the beginnings of these words, by the word before."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self.whole: dict[str, set[str]] = defaultdict(set)
        self.alone: set[str] = set()
        """Words that are a phrase by themselves."""
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
    """Cached, because all questions of a dialplan share what may be said at any time."""
    return _Words(phrases)


class ExpectedWords:
    """A `Bias` for one dialplan and question."""

    def __init__(self, pieces: Sequence[str], sets: Mapping[str, Sequence[str]], asked: str, weight: float) -> None:
        """`pieces`: the vocabulary; `sets`: phrases by what was asked; `asked`: what was asked now; `weight` multiplies
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
        """See `Bias`. A lone word that only begins a phrase is not expected: from noise the model often makes "You"."""
        lone = state.before == _BEGIN and state.word not in self._any.alone | self._asked.words
        return -state.pending if lone else self._end_word(state)

    def of(self, tokens: Iterable[int]) -> float:
        """Returns the bonus of a whole text."""
        state, bonus = self.start, 0.0
        for token in tokens:
            state, more = self.advance(state, token)
            bonus += more
        return bonus + self.end(state)

    def _end_word(self, state: _State) -> float:
        """Takes back what was given for another word with the same beginning."""
        before, word = state.before, state.word
        asked = self._asked
        expected = word in asked.whole.get(before, ()) or word in asked.anywhere
        return 0.0 if expected or word in self._any.whole.get(before, ()) else -state.pending

    def answers(self, text: str) -> bool:
        """Whether `text` is probably an answer to what was asked: at most one of its words occurs in no answer."""
        words = [word for word in map(_plain, _PARTS.split(text)) if word]
        strange = sum(word not in self._asked.words for word in words)
        return strange <= 1 and not self._asked.anywhere.isdisjoint(words)

    def contains_answer(self, text: str) -> bool:
        """Whether `text` is a sentence (four words or more) of which two words or more occur in answers."""
        words = [word for word in map(_plain, _PARTS.split(text)) if word]
        known = sum(word in self._asked.words for word in words)
        return len(words) >= 4 and known >= 2 and not self._asked.anywhere.isdisjoint(words)

    def _bonus(self, before: str, begun: str) -> float:
        """The bonus of a word that begins with `begun`, after the word `before`."""
        if begun in self._asked.begun.get(before, ()):
            return ASKED * self._weight
        if begun in self._asked.begun_anywhere:
            return ANYWHERE * self._weight
        return ANY * self._weight if begun in self._any.begun.get(before, ()) else 0.0


@cache
def _plain(text: str) -> str:
    """The letters of a word or token; cached, because each step of the decoder asks for many."""
    return "".join(each for each in text.lower() if each.isalnum() or each == "'")


def _beginnings(words: Iterable[str]) -> set[str]:
    return {word[:end] for word in words for end in range(1, len(word) + 1)}


def checked_phrases(phrases: Any) -> Phrases:
    """Checks phrases from the options: for each dialplan a list of sentences, or a table of lists with "" in it.

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
