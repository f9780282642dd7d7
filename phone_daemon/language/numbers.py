"""Digits as people say them: "four eight double two, oh nine" is 482209."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sidecars import spoken_digits

UNITS, TEENS, REPEATS = spoken_digits.UNITS, spoken_digits.TEENS, spoken_digits.REPEATS
TENS = {word: tens for tens, word in enumerate(spoken_digits.TENS, 2)}
DIGITS = {word: str(value) for value, word in enumerate(UNITS)}
DIGITS |= dict.fromkeys(("oh", "o", "nought", "naught", "nil"), "0")
_PLAIN = DIGITS | {word: str(value) for value, word in enumerate(TEENS, 10)}
_NUMBER_WORDS = {
    **{word: value for value, word in enumerate(UNITS) if value},
    **{word: value for value, word in enumerate(TEENS, 10)},
    **{word: 10 * tens for word, tens in TENS.items()},
}
_HOMOPHONES = {word: DIGITS[unit] for word, unit in spoken_digits.HOMOPHONES.items()}
"""What a recognizer sometimes writes for digits; counted as digits only between two digits."""
_LIKE_DIGITS = _HOMOPHONES | {
    "a": "8", "an": "8", "hey": "8", "free": "3", "tree": "3", "fife": "5", "sicks": "6", "fore": "4", "nigh": "9",
    "line": "9", "owe": "0", "hero": "0", "heaven": "7",
}  # fmt: skip
"""What sounds like a digit; counted as a digit beside digits, and only if the number thereby gets its proper length."""
_FILLERS = {"and", "uh", "um", "er", "then", "dash", "hyphen", "space", "point", "dot"}
"""Words that may occur within a number without ending it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of digits in a sentence: the words from `start` up to `end`."""

    digits: str
    start: int
    end: int


def misheard_runs(words: Sequence[str]) -> list[Run]:
    """Like `runs`, but neighboring words that sound like digits count as digits: "a one two" is 812."""
    beside = [False, *(bool(_group(words, at)[0]) for at in range(len(words))), False]
    repaired = [
        UNITS[int(_LIKE_DIGITS[word])] if word in _LIKE_DIGITS and (beside[at] or beside[at + 2]) else word
        for at, word in enumerate(words)
    ]
    return runs(repaired)


def runs(words: Sequence[str]) -> list[Run]:
    """The numbers in a sentence, digit by digit, in order."""
    found: list[Run] = []
    at = 0
    while at < len(words):
        digits, end = _group(words, at)
        if not digits:
            at += 1
            continue
        start = at
        while end < len(words):
            skip = end
            while skip < len(words) and words[skip] in _FILLERS:
                skip += 1
            more, after = _group(words, skip)
            if not more and skip == end and words[end] in _HOMOPHONES and _group(words, end + 1)[0]:
                more, after = _HOMOPHONES[words[end]], end + 1
            if not more:
                break
            digits, end = digits + more, after
        found.append(Run(digits, start, end))
        at = end
    return found


def _group(words: Sequence[str], at: int) -> tuple[str, int]:
    """The digits of the number word at `at`, and where it ends; no digits if it is not a number word."""
    if at >= len(words):
        return "", at
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else ""
    digits, end = "", at + 1
    if word.isascii() and word.isdigit():
        digits = word
    elif word in TENS:
        paired = after in UNITS[1:]
        digits, end = f"{TENS[word]}{UNITS.index(after) if paired else 0}", at + (2 if paired else 1)
    elif word in _PLAIN:
        digits = _PLAIN[word]
    elif word in REPEATS:
        digit = after if len(after) == 1 and after in "0123456789" else DIGITS.get(after, "")
        digits, end = digit * REPEATS[word], at + 2
    if digits and word not in REPEATS and words[end : end + 1] in (["hundred"], ["thousand"]):
        return _large(words, digits, end)
    return (digits, end) if digits else ("", at)


def _large(words: Sequence[str], digits: str, at: int) -> tuple[str, int]:
    """`digits` hundred or thousand, depending on the word at `at`, and what is added to it: "eight hundred and twelve"
    is 812, but "eight hundred five five" is 80055, because a single digit begins something new unless "and" joins
    it."""
    size = 3 if words[at] == "thousand" else 2
    end = at + 1
    joined = words[end : end + 1] == ["and"]
    more, after = _group(words, end + joined)
    alone = len(more) == 1 and not joined
    if not more or alone or len(more) > size or words[end + joined] in REPEATS or more[0] == "0":
        return digits + "0" * size, end
    return digits + more.zfill(size), after


def cardinal_at(words: Sequence[str], at: int, highest: int) -> tuple[int, int]:
    """The cardinal number at `at`, from 1 to `highest`, and where it ends; 0 if there is none."""
    if at >= len(words):
        return 0, at
    word = words[at].removesuffix("ish")
    value, end = (int(word) if re.fullmatch(r"\d{1,2}", word) else _NUMBER_WORDS.get(word, 0)), at + 1
    if word in TENS and end < len(words) and words[end] in UNITS[1:]:
        value, end = value + UNITS.index(words[end]), end + 1
    return (value, end) if 1 <= value <= highest else (0, at)


def spoken(digits: str, group: int = 4) -> str:
    """How the agent says digits: one by one, with a short pause after each `group`."""
    groups = [digits[i : i + group] for i in range(0, len(digits), group)]
    return ", ".join(" ".join(UNITS[int(digit)] for digit in part) for part in groups)


def examples(length: int) -> tuple[str, ...]:
    """Sentences of `length` digits that together contain every pair of adjacent digits."""
    order = _all_pairs()
    step = max(length - 1, 1)
    order += order[:length]
    sentences = [order[i : i + length] for i in range(0, 100, step)]
    plain = [" ".join(UNITS[digit] for digit in digits) for digits in sentences if len(digits) == length]
    doubles = [f"{before} {repeat} {digit}" for repeat in ("double", "triple") for before, digit in zip(
        ("two", "five", "nine", "one", "four", "seven", "oh", "three", "six", "eight"), (*UNITS[1:], "oh"), strict=True
    )]  # fmt: skip
    ohs = [f"{digit} oh {after}" for digit, after in zip(UNITS[1:], (*UNITS[2:], "one"), strict=True)]
    return (*plain, *doubles, *ohs)


def samples(length: int, count: int = 300) -> tuple[str, ...]:
    """`count` numbers of `length` digits as people say them, always the same numbers; a 0 is "zero" or "oh"."""
    chance = random.Random(length)
    names = (*UNITS, "oh")
    return tuple(" ".join(chance.choices(names, k=length)) for _ in range(count))


def _all_pairs() -> list[int]:
    """The digits in an order (a de Bruijn cycle of 100) that contains each of the 100 pairs once."""
    order: list[int] = []
    for first in range(10):
        order.append(first)
        for second in range(first + 1, 10):
            order += [first, second]
    return order
