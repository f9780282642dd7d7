"""Whether callers call something right or wrong, in whole sentences: "that doesn't sound right to me", "I can't fault
it".

The judging word decides, together with the negations before it: an even number of them leaves it unchanged. Words in
between do not matter. English.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GOOD = _words(
    "right correct fine good great lovely perfect okay brilliant wonderful excellent super fantastic ideal grand "
    "correctly perfectly suitable convenient spot accurate true happy pleased content agree agreed confirmed splendid "
    "smashing marvelous marvellous nice cool champion magic delightful sorted handy acceptable"
)
BAD = _words(
    "wrong incorrect bad worse terrible mistaken mistake error misheard misunderstood problem problems complaint "
    "complaints complain objection objections object issue issues argue quarrel fault unhappy wrongly hopeless useless "
    "rubbish inconvenient impossible inaccurate false unsuitable"
)
_SURE = _words("sure certain convinced positive")
"""If negated, these are neither a yes nor a no."""
_DENYING = _words("not never nothing cannot hardly without neither nowhere doubt nearly almost barely far")
_NOUNS = _words("problem problems complaint complaints objection objections issue issues mistake error fault")
"""The words that a "no" directly before them negates; before any other word, "no" is an answer by itself."""
_BETWEEN = _words(
    "absolutely quite really very all too so exactly entirely perfectly completely totally at the a an any just also "
    "to me for us sound sounds look looks seem seems feel feels be being been is are was it that this these those they "
    "think believe say call see find that's it's about much of with i you your day time one date number anything "
    "something single from in there there's there'd would could can will i'd i'm we're what as how bit awfully "
    "particularly terribly especially strictly altogether have has had heard got said work works do am"
)
_SUBJECTS = _words(
    "that that's that'll that'd it it's it'll it'd this these those they they're everything which sounds looks seems "
    "works is's you're you've what i'm"
)
"""With one of these before it, a judging word is a sentence rather than an exclamation."""
_REACH = 8


def denies(word: str) -> bool:
    return word in _DENYING or word.endswith("n't")


@dataclass(frozen=True, slots=True)
class Verdict:
    answer: str
    """`yes`, `no`, or empty if the caller is not sure."""
    start: int
    end: int
    whole: bool
    """Whether it is a sentence rather than an exclamation such as "lovely"."""


def verdicts(words: Sequence[str]) -> list[Verdict]:
    """The verdicts in `words`, in order. Words that begin with `+` or `~` separate sentences."""
    found: list[Verdict] = []
    begin = 0
    for at, word in enumerate(words):
        if word in GOOD or word in BAD or word in _SURE:
            verdict = _verdict(words, at, max(begin, at - _REACH))
            if verdict is not None:
                found.append(verdict)
                begin = at + 1 if verdict.answer else begin
    return found


def _verdict(words: Sequence[str], at: int, least: int) -> Verdict | None:
    word = words[at]
    start, denials, whole = at, 0, word in BAD
    for before in range(at - 1, least - 1, -1):
        each = words[before]
        if each == "no" and before + 1 == at and word in _NOUNS:
            return Verdict("yes", before, at + 1, True)
        if not (each in _BETWEEN or each in _SUBJECTS or each in _SURE or denies(each)):
            break
        if denies(each):
            denials += 1
            start = before
        if each in _SUBJECTS:
            whole = True
            start = min(start, before)
    if word in _SURE:
        # "I'm sure" is a yes in itself; "sure" is an exclamation.
        return Verdict("", start, at + 1, True) if denials else None
    right = (word in GOOD) == (denials % 2 == 0)
    return Verdict("yes" if right else "no", start, at + 1, whole or denials > 0)
