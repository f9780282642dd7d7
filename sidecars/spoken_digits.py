"""Numbers as people say them, word by word: "double four, oh six", "four seventy-one", "six thousand, eighty-one".

Some words can be written in two ways: "six thousand eighty-one" is 6081, or 6000 and then 81. Only the number of digits
that was asked for tells which was meant, so all readings are returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
REPEATS = {"double": 2, "triple": 3, "treble": 3}
SIZES = {"hundred": 2, "thousand": 3}
"""The number of zeros that each of these words stands for."""
DIGITS = {word: str(value) for value, word in enumerate(UNITS)} | {"oh": "0", "o": "0"}
PAIRS = {word: str(value) for value, word in enumerate(TEENS, 10)} | {
    word: f"{value}0" for value, word in enumerate(TENS, 2)
}
WORDS = (*DIGITS, *PAIRS, *REPEATS, *SIZES)
FILLERS = ("um", "uh", "er", "and")
"""Words that may occur within a number without ending it."""
HOMOPHONES = {"to": "two", "too": "two", "for": "four", "ate": "eight", "won": "one"}
"""Words that recognizers sometimes write in place of number words."""
_WORD = re.compile(r"[a-z']+|\d")


class Said(NamedTuple):
    """One reading of what has been said of a number so far."""

    digits: str = ""
    last: str = ""
    """The kind of the last word, where that matters: a `unit`; a `pair`, such as twelve; `tens`; a word that `repeats`;
    a unit `of hundreds`, as in six thousand two hundred; or a `sized` one, which must be followed by thousand or
    hundred."""
    times: int = 1
    """How many times the next digit counts."""
    zeros: int = 0
    """How many of the last digits are zeros that stand for a "hundred" or a "thousand"."""
    joined: bool = False
    """Whether an "and" followed."""

    @property
    def whole(self) -> bool:
        """Whether a number can end here."""
        return bool(self.digits) and self.last not in ("repeats", "of hundreds", "sized")


@cache
def steps(said: Said, word: str) -> tuple[Said, ...]:
    """The readings after one more word, the usual one first; none if a number cannot continue with it."""
    digits, last, zeros = said.digits, said.last, said.zeros
    found: list[Said] = []
    if last == "repeats":
        found = [Said(digits + DIGITS[word] * said.times)] if word in DIGITS else []
    elif last == "of hundreds":
        found = [Said(digits, zeros=SIZES[word])] if word == "hundred" else []
    elif last == "sized" and word not in SIZES:
        found = []
    elif word in REPEATS:
        found = [Said(digits, "repeats", REPEATS[word])]
    elif word in SIZES and last in ("unit", "sized", "pair", "tens"):
        found = [Said(digits + "0" * SIZES[word], zeros=SIZES[word])]
    elif word in FILLERS and digits:
        found = [Said(digits, zeros=zeros, joined=word == "and")]
    elif word in PAIRS:
        kind = "pair" if word in TEENS else "tens"
        found = [Said(digits[:-2] + PAIRS[word], kind)] if zeros else []
        found.append(Said(digits + PAIRS[word], kind))
    elif word in DIGITS:
        found = _unit(said, DIGITS[word])
    return tuple(found)


def _unit(said: Said, digit: str) -> list[Said]:
    """See `steps`."""
    digits = said.digits
    if digit == "0":
        return [Said(digits + digit)]
    if said.last == "tens":  # seventy-eight; or seventy, and then eight thousand
        return [Said(digits[:-1] + digit, "pair"), Said(digits + digit, "sized")]
    found = [Said(digits + digit, "unit")]
    if said.zeros and said.joined:
        found.insert(0, Said(digits[:-1] + digit))
    if said.zeros == SIZES["thousand"]:
        found.insert(0, Said(f"{digits[:-3]}{digit}00", "of hundreds"))
    return found


def readings(words: Iterable[str]) -> tuple[str, ...]:
    """Every way to write the number that `words` say, the usual one first; none if they are not a number."""
    found: tuple[Said, ...] = (Said(),)
    for word in words:
        found = tuple(dict.fromkeys(longer for said in found for longer in steps(said, word)))
    return tuple(dict.fromkeys(said.digits for said in found if said.whole))


def number_words(text: str) -> list[str]:
    """The words of `text` from the first to the last one that belongs to a number. Figures are returned as words, and
    "to" and "for" as two and four."""
    words = [UNITS[int(word)] if word.isdigit() else word for word in _WORD.findall(text.lower())]
    places = [at for at, word in enumerate(words) if word in WORDS]
    return [HOMOPHONES.get(word, word) for word in words[places[0] : places[-1] + 1]] if places else []


def has_lone_pair(words: Sequence[str]) -> bool:
    """Whether a number is said digit by digit, except for one word that stands for two digits."""
    return sum(word in PAIRS for word in words) == 1 and sum(word in DIGITS for word in words) > 2


def begins_number(text: str) -> bool:
    """Whether the first word of `text` belongs to a number."""
    found = _WORD.match(text.lower())
    return found is not None and (found[0] in WORDS or found[0].isdigit())
