"""Numbers as people say them, for a decoder that may spell nothing else: "um, it's four seven, double oh nine, please".

Asked for eight digits, people say eight. Where the decoder's own text has another count, a digit was lost in the noise
or made up ("please" for a three), and the likeliest way to have said eight is mostly what was said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from sidecars.engines.word_grammar import Vocabulary, WordGrammar

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
_WORDS = re.compile(r"[a-z']+|\d")


class _Place(NamedTuple):
    """Where in a number a text stands."""

    kind: str
    """`before` it, `within` it, after a word of `tens`, after one that `repeats`, `after` it."""
    digits: int
    times: int = 0
    """How often the next digit counts."""


class DigitWords(WordGrammar[_Place]):
    """A `Grammar` of the numbers that have from `low` to `high` digits."""

    def __init__(self, vocabulary: Vocabulary, low: int, high: int) -> None:
        super().__init__(vocabulary, _Place("before", 0))
        self._low, self._high = low, high

    def fits(self, text: str) -> bool:
        """Whether there are as many digits in `text` as there should be."""
        return self._low <= count(text) <= self._high

    def whole(self, place: _Place) -> bool:
        """See `WordGrammar`."""
        return place.kind not in ("before", "repeats") and self._low <= place.digits <= self._high

    @cache  # noqa: B019 (a grammar lives as long as its engine)
    def words(self, place: _Place) -> Mapping[str, _Place]:
        """See `WordGrammar`."""
        if place.kind == "after":
            return {}
        left = self._high - place.digits
        found: dict[str, _Place] = {}
        if place.kind == "before":
            found |= dict.fromkeys(BEFORE, place)
        elif self.whole(place):
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
