"""Backchannels: what a listener says to show that they listen, and not to take the floor.

Yngve 1970 named them; Ward and Tsukahara 2000 list the English ones. "Yes" is one while the agent tells something, and
an answer once it has asked: who calls this must know which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

REMARKS = (
    *("uh huh", "uhuh", "uh", "huh", "mhm", "m", "mm", "mmm", "mm hm", "mm hmm", "mm mm", "hm", "hmm"),
    *("ah", "aha", "oh", "um"),
    *("okay", "ok", "kay", "yeah", "yep", "yup", "ya", "yes", "right", "sure", "alright", "all right", "fine", "cool"),
    *("good", "great", "perfect", "lovely", "nice", "wow", "really", "exactly"),
    *("of course", "i see", "got it", "go on"),
)
"""In American and British English."""
MOST = 3
"""Who says more of them in a row wants to say something."""
_MISHEARD = """
    a ah all amen an and are as at day eh er go god god's goddess gone gonna gun gut ha ham hard hay her hey
    hi him hm hmm hum hump i i'm i've in is it it's k know m mine mm moan my now o of on one or or's our out
    own sea see she shore sir so sore sort sorta that the then they to up us was we ya yahoo yay you you're
    your
    """
MISHEARD = frozenset(_MISHEARD.split())
"""What the recognizer makes of the first third of a second of a remark, or of a mumbled one: "and" of "mm", "god" of
"got it". Whoever wants the floor soon says something else as well. Collected from remarks in synthetic voices."""


def is_remark(text: str, remarks: Iterable[str] = REMARKS) -> bool:
    """Whether `text` is nothing but one to three of `remarks`, however it is written."""
    plain = " ".join(_words(text))
    return bool(plain) and _pattern(tuple(remarks)).fullmatch(plain) is not None


def may_be_remark(text: str, remarks: Iterable[str] = REMARKS) -> bool:
    """Whether `text` may be a remark that was not heard well, or the beginning of one; true of nothing at all."""
    known = _single(tuple(remarks)) | MISHEARD
    words = _words(text)
    return len(words) <= MOST and all(word in known for word in words)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold())


@cache
def _single(remarks: tuple[str, ...]) -> frozenset[str]:
    """The words of all remarks."""
    return frozenset(word for each in remarks for word in _words(each))


@cache
def _pattern(remarks: tuple[str, ...]) -> re.Pattern[str]:
    plain = sorted((" ".join(_words(each)) for each in remarks), key=len)
    one = "|".join(re.escape(each) for each in reversed(plain) if each) or r"(?!)"
    return re.compile(rf"(?:{one})(?: (?:{one})){{0,{MOST - 1}}}")
