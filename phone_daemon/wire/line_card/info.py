"""DTMF digits in SIP INFO requests. Pure.

`application/dtmf-relay` has a line `Signal=5`, usually followed by `Duration=160`. `application/dtmf` contains the
digit itself or, from some gateways, the same `Signal=` line. Nortel's `d=5` or `d=Digits=5` has its own type. None of
these is in an RFC, so all spellings found in practice are accepted.
"""

from __future__ import annotations

import re

TYPES = ("application/dtmf-relay", "application/dtmf", "application/vnd.nortelnetworks.digits")
_WORDS = {"STAR": "*", "ASTERISK": "*", "%2A": "*", "POUND": "#", "HASH": "#", "%23": "#"}
_KEY = rf"({'|'.join(_WORDS)}|1[0-5]|0?[0-9]|[*#a-d])(?![\w*#])"
_SIGNAL = re.compile(
    rf"(?:^|[\s;])(?:signal|digits?|d)\s*[=:]\s*(?:digits\s*=\s*)?[\"']?{_KEY}", re.IGNORECASE | re.ASCII
)
_BARE = re.compile(rf"\s*[\"']?{_KEY}[\"']?\s*(?:$|[\r\n])", re.IGNORECASE | re.ASCII)
_EVENTS = "0123456789*#ABCD"


def dtmf_digit(body: str) -> str:
    """The digit in a body of one of `TYPES`; empty if there is none."""
    found = _SIGNAL.search(body) or _BARE.match(body)
    if not found:
        return ""
    word = found[1].upper()
    # 10 to 15 are the event numbers of `*`, `#` and A to D (RFC 4733 section 3.2).
    return _WORDS.get(word) or (_EVENTS[int(word)] if word.isdigit() else word)
