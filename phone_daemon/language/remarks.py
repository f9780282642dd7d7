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


def is_remark(text: str, remarks: Iterable[str] = REMARKS) -> bool:
    """Whether `text` is nothing but one to three of `remarks`, however it is written."""
    plain = " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold()))
    return bool(plain) and _pattern(tuple(remarks)).fullmatch(plain) is not None


@cache
def _pattern(remarks: tuple[str, ...]) -> re.Pattern[str]:
    plain = sorted((" ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", each.casefold())) for each in remarks), key=len)
    one = "|".join(re.escape(each) for each in reversed(plain) if each) or r"(?!)"
    return re.compile(rf"(?:{one})(?: (?:{one})){{0,{MOST - 1}}}")
