"""A text as it is spoken, and where it contains each word of the written text.

Engines mark the words of the text that they were given; the conversation remembers the words of the agent. "£4.50" is
one word for the agent and three for the engine.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

_CJK = "\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff65"
_WORD = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")
"""A run between spaces; in a language that writes no spaces, every character counts as a word."""
_PART = re.compile(r"\s+|\S+")
_SIGNS = "$€£%&@+=#*"
"""Signs for which engines have a word."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that has a sound: `start:end` in the written text, from `at` on in the spoken text."""

    start: int
    end: int
    at: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """`text` goes to the engine. `words` are the words of the written text that have a sound, in order."""

    text: str
    words: tuple[Word, ...]

    def word_at(self, character: int) -> Word | None:
        """The written word that is being said at `character` of the spoken text; None if nothing has a sound."""
        n = bisect_right(self.words, character, key=lambda word: word.at)
        return self.words[max(n - 1, 0)] if self.words else None

    def at(self, written: int) -> int | None:
        """Where the word that contains the character `written` begins in the spoken text; None between words."""
        n = bisect_right(self.words, written, key=lambda word: word.start) - 1
        return self.words[n].at if n >= 0 and written < self.words[n].end else None


@dataclass(frozen=True, slots=True)
class Saying:
    """`start:end` of a written text is said as `words`, which may be empty."""

    start: int
    end: int
    words: str


@dataclass(frozen=True, slots=True)
class _Run:
    """`start:end` of the written text begins at `said` in the spoken text, unchanged or in other words."""

    start: int
    end: int
    said: int
    words: str | None = None


def align(written: str, plain: str, sayings: Iterable[Saying]) -> Spoken:
    """`plain` (`written` with spaces in place of what has no sound) with some of its parts said in other words.

    `sayings` are in order and do not overlap. Words that replace a part are distributed in order among the written
    words that they replace. White space is reduced to single spaces.
    """
    said = ""
    runs: list[_Run] = []

    def put(start: int, end: int, text: str, words: str | None, apart: bool) -> None:
        nonlocal said
        if text[:1] in tuple(",.;:!?"):
            said = said.rstrip()
        elif apart and text[:1].isalnum() and (said[-1:].isalnum() or (words and runs and runs[-1].words)):
            said += " "
        runs.append(_Run(start, end, len(said), words))
        said += text

    done = 0
    for saying in (*sayings, Saying(len(plain), len(plain), "")):
        for part in _PART.finditer(plain, done, saying.start):
            if not part.group().isspace():
                put(part.start(), part.end(), part.group(), None, apart=part.start() == done)
            else:
                put(part.start(), part.end(), " " if said and not said[-1].isspace() else "", "", apart=False)
        put(saying.start, saying.end, saying.words, saying.words, apart=True)
        done = saying.end
    return Spoken(said.rstrip(), tuple(_words(written, said.rstrip(), runs)))


def has_sound(text: str) -> bool:
    """Whether a text contains anything to speak."""
    return any(char.isalnum() or char in _SIGNS for char in text)


def _words(written: str, said: str, runs: list[_Run]) -> list[Word]:
    starts = [run.start for run in runs]
    until = len(said)
    words: list[Word] = []
    for word in reversed(list(_WORD.finditer(written))):
        run = runs[bisect_right(starts, word.start()) - 1]
        at = min(_place(written, word.start(), run), until)
        if has_sound(said[at:until]):
            words.append(Word(word.start(), word.end(), at))
            until = at
    return words[::-1]


def _place(written: str, word: int, run: _Run) -> int:
    """Where the word that begins at `word`, in `run`, is said."""
    if run.words is None:
        return run.said + word - run.start
    inside = [found.start() for found in _WORD.finditer(written, run.start, run.end)]
    instead = [found.start() for found in re.finditer(r"\S+", run.words)]
    return run.said + (instead[inside.index(word) * len(instead) // len(inside)] if instead else 0)
