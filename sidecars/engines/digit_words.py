"""Numbers as people say them, for a decoder that may spell nothing else: "um, it's four seven, double oh nine, please".

Asked for eight digits, people say eight. Where the decoder's own text has another count, a digit was lost in the noise
or made up ("please" for a three), and the likeliest way to have said eight is mostly what was said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

UNITS = ("zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
REPEATS = {"double": 2, "triple": 3, "treble": 3}
BEFORE = (
    *("um", "er", "uh", "well", "oh", "okay", "so", "yeah", "yes", "sure", "right", "hi", "and", "a", "it's", "its"),
    *("it", "is", "that's", "the", "my", "number", "tracking", "parcel"),
)
"""Words that lead up to a number."""
SEPARATORS = frozenset((",", ".", "!", "?"))

_WORDS = re.compile(r"[a-z']+|\d")


class _Place(NamedTuple):
    """Where in a number a text stands."""

    kind: str
    """`before` it, `within` it, after a word of `tens`, after one that `repeats`, `after` it."""
    digits: int
    times: int = 0
    """How often the next digit counts."""


class State(NamedTuple):
    """Where in a number the text so far stands: letters of the word that is being spelled."""

    place: _Place
    letters: str
    joined: bool = False
    """A hyphen came last: what follows begins a word without a space."""


class DigitWords:
    """A `Grammar` of the numbers that have from `low` to `high` digits."""

    start = State(_Place("before", 0), "")

    def __init__(self, pieces: Sequence[str], low: int, high: int, end: int) -> None:
        """`pieces`: the vocabulary; `end`: the token that ends a text."""
        self._low, self._high, self._end = low, high, end
        self._first: dict[str, list[int]] = {}
        """Tokens that begin a word, by their letters; likewise those that go on with one."""
        self._later: dict[str, list[int]] = {}
        self._separators = [token for token, piece in enumerate(pieces) if piece in SEPARATORS]
        self._hyphens = [token for token, piece in enumerate(pieces) if piece == "-"]
        for token, piece in enumerate(pieces):
            if re.fullmatch("[A-Za-z']+", piece):
                self._later.setdefault(piece.lower(), []).append(token)
            elif re.fullmatch(" [A-Za-z']+", piece):
                self._first.setdefault(piece[1:].lower(), []).append(token)
        self._known: dict[State, Mapping[int, State]] = {}

    def allowed(self, state: State) -> Mapping[int, State]:
        """See `Grammar`."""
        if state not in self._known:
            self._known[state] = self._found(state)
        return self._known[state]

    def fits(self, text: str) -> bool:
        """Whether there are as many digits in `text` as there should be."""
        return self._low <= count(text) <= self._high

    def _found(self, state: State) -> dict[int, State]:
        words = self._words(state.place)
        found: dict[int, State] = {}
        if state.letters in words:
            place = words[state.letters]
            found |= dict.fromkeys(self._separators, State(place, ""))
            found |= dict.fromkeys(self._hyphens, State(place, "", joined=True))
            found |= self.allowed(State(place, ""))
        elif not state.letters and not state.joined and self._whole(state.place):
            found[self._end] = state
        done = len(state.letters)
        for word in words:
            if not word.startswith(state.letters):
                continue
            for end in range(done + 1, len(word) + 1):
                piece, longer = word[done:end], State(state.place, word[:end])
                if not state.letters:
                    found |= dict.fromkeys(self._first.get(piece, ()), longer)
                if state.letters or state.joined:
                    found |= dict.fromkeys(self._later.get(piece, ()), longer)
        return found

    def _whole(self, place: _Place) -> bool:
        return place.kind not in ("before", "repeats") and self._low <= place.digits <= self._high

    @cache  # noqa: B019 (a grammar lives as long as its engine)
    def _words(self, place: _Place) -> Mapping[str, _Place]:
        """The words that may come next, and where each leads."""
        if place.kind == "after":
            return {}
        left = self._high - place.digits
        found: dict[str, _Place] = {}
        if place.kind == "before":
            found |= dict.fromkeys(BEFORE, place)
        elif self._whole(place):
            found["please"] = _Place("after", place.digits)
        times = place.times or 1
        if times <= left:
            found |= dict.fromkeys(UNITS, _Place("within", place.digits + times))
        if place.kind == "tens":  # "forty two" has two digits; "forty oh two" has four
            found |= dict.fromkeys(UNITS[3:], _Place("within", place.digits))
        if place.kind != "repeats":
            if left >= 2:
                found |= dict.fromkeys(TEENS, _Place("within", place.digits + 2))
                found |= dict.fromkeys(TENS, _Place("tens", place.digits + 2))
            found |= {w: _Place("repeats", place.digits, times) for w, times in REPEATS.items() if times <= left}
        return found


def count(text: str) -> int:
    """How many digits are said in `text`."""
    digits, times, tens = 0, 1, False
    for word in _WORDS.findall(text.lower()):
        if word in REPEATS:
            times, tens = REPEATS[word], False
            continue
        if word.isdigit() or word in UNITS:
            digits += 0 if tens and word in UNITS[3:] else times
        elif word in TEENS or word in TENS:
            digits += 2
        times, tens = 1, word in TENS
    return digits
