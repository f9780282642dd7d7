"""Restricts a decoder to certain texts, word by word. Subclasses define which words may follow each other."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

SEPARATORS = frozenset((",", ".", "!", "?"))

P = TypeVar("P")
_SPELLS = re.compile("( ?)([A-Za-z']+|[0-9])")


class State(NamedTuple):
    """The state after the text so far."""

    place: Any
    """The place to which the last whole word led."""
    letters: str
    """The letters so far of the word that is being spelled."""
    joined: bool = False
    """Whether a hyphen or a space came last, so that the next word begins without a space. A figure never has one."""


class Vocabulary:
    """The tokens of a decoder that spell words. Grammars share it, because sorting 32,768 tokens takes 30 ms."""

    def __init__(self, pieces: Sequence[str], end: int) -> None:
        """`pieces`: the text of each token, with a space in front if it begins a word; `end`: the token that ends a
        text."""
        self.end = end
        self.first: dict[str, list[int]] = {}
        """Tokens that begin a word, by their letters."""
        self.later: dict[str, list[int]] = {}
        """Tokens that continue a word, likewise."""
        self.separators = [token for token, piece in enumerate(pieces) if piece in SEPARATORS]
        self.hyphens = [token for token, piece in enumerate(pieces) if piece == "-"]
        self.spaces = [token for token, piece in enumerate(pieces) if piece == " "]
        for token, piece in enumerate(pieces):
            if found := _SPELLS.fullmatch(piece):
                if found[1] or piece.isdigit():
                    self.first.setdefault(found[2].lower(), []).append(token)
                if not found[1]:
                    self.later.setdefault(found[2].lower(), []).append(token)


class WordGrammar(ABC, Generic[P]):
    """A `Grammar` of words, with or without punctuation between them. `P` is the type of a place between two words,
    which must be hashable."""

    def __init__(self, vocabulary: Vocabulary, start: P) -> None:
        """`start`: the place before the first word."""
        self.start = State(start, "")
        self._vocabulary = vocabulary
        self._known: dict[State, Mapping[int, State]] = {}

    @abstractmethod
    def words(self, place: P) -> Mapping[str, P]:
        """The words that may come next, and the place after each."""

    @abstractmethod
    def whole(self, place: P) -> bool:
        """Whether the text may end there."""

    @abstractmethod
    def fits(self, text: str) -> bool:
        """Whether `text`, from a decoder without restrictions, counts as a text of this grammar."""

    def allowed(self, state: State) -> Mapping[int, State]:
        """See `Grammar`."""
        if state not in self._known:
            self._known[state] = self._found(state)
        return self._known[state]

    def _found(self, state: State) -> dict[int, State]:
        vocabulary, words = self._vocabulary, self.words(state.place)
        found: dict[int, State] = {}
        if state.letters in words:
            place = words[state.letters]
            found |= dict.fromkeys(vocabulary.separators, State(place, ""))
            found |= dict.fromkeys(vocabulary.hyphens, State(place, "", joined=True))
            found |= self.allowed(State(place, ""))
        elif not state.letters and not state.joined:
            if any(map(str.isdigit, words)):
                found |= dict.fromkeys(vocabulary.spaces, State(state.place, "", joined=True))
            if self.whole(state.place):
                found[vocabulary.end] = state
        done = len(state.letters)
        for word in words:
            if not word.startswith(state.letters):
                continue
            for end in range(done + 1, len(word) + 1):
                piece, longer = word[done:end], State(state.place, word[:end])
                if not state.letters:
                    found |= dict.fromkeys(vocabulary.first.get(piece, ()), longer)
                if state.letters or state.joined:
                    found |= dict.fromkeys(vocabulary.later.get(piece, ()), longer)
        return found
