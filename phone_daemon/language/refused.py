"""Finds the values that a caller names only to rule them out: "not Tuesday, Wednesday", "nine's too early". English."""

from __future__ import annotations

import re
from collections.abc import Sequence

from phone_daemon.language.days import Found

_LEAD = r"(?:(?:on|at|the|for|a|this|next|about|either) )*$"
_INSTEAD = re.compile(
    rf"(?<!\S)(?:not|except|but not|rather than|instead of|other than|apart from|any\w* but|day but|time but"
    rf"|prefer \S+(?: \S+)? (?:to|over)) {_LEAD}"
)
"""Words before a value that is not wanted, whatever else is said."""
_CANNOT = re.compile(
    rf"(?<!\S)(?:(?:ca|wo|could)n't|cannot|can not|won't be able to|not able to) "
    rf"(?:(?:do|make|manage|come|be|there|in|it|have)(?: it)? )+{_LEAD}"
)
_BAD = re.compile(
    r"(?:(?:is|would be|will be|are|was) )?(?:no good|no use|out(?! of)|too \w+|impossible|bad|full|"
    r"(?:isn't|won't be|is not|wouldn't be) (?:\w+ )?(?:any )?(?:good|possible|free|convenient|ideal)|"
    r"(?:does|wo|ca)n't (?:\w+ )?(?:suit|work|do|help))(?!\S)"
)
"""Words after a value that is not wanted."""


def wanted(found: Sequence[Found], words: Sequence[str], expected: bool) -> list[Found]:
    """`found` without the values that are ruled out.

    A caller who only says what they cannot do, as in "I can't come on Tuesday", names the day that the call is about,
    unless a day was asked for (`expected`).
    """
    ruled = [_ruled_out(each, words, expected or len(found) > 1) for each in found]
    for at in range(1, len(found)):
        # "I can't do Monday or Tuesday."
        between = words[found[at - 1].end : found[at].start]
        ruled[at] = ruled[at] or (ruled[at - 1] and bool(between) and set(between) <= {"or", "and", "nor", "on", "at"})
    return [each for each, out in zip(found, ruled, strict=True) if not out]


def _ruled_out(each: Found, words: Sequence[str], soft: bool) -> bool:
    before, after = f"{' '.join(words[: each.start])} ", " ".join(words[each.end :])
    if _INSTEAD.search(before):
        return True
    return soft and (_CANNOT.search(before) is not None or _BAD.match(after) is not None)
