"""DTMF digits in SIP INFO requests. Pure.

`application/dtmf-relay` (`Signal=5`) is pjsua's own business; this is for `application/dtmf`, which it does not
know: the body is the digit, or, from some gateways, the same `Signal=` line. Neither is in an RFC.
"""

from __future__ import annotations

import re

_TYPE = re.compile(r"^(?:content-type|c)\s*:\s*application/dtmf\s*(?:;|$)", re.IGNORECASE | re.MULTILINE)
_DIGIT = re.compile(r"\s*(?:signal\s*=\s*)?(1[0-5]|[0-9*#a-d])\s*(?:$|[\r\n])", re.IGNORECASE)
_EVENTS = "0123456789*#ABCD"


def dtmf_digit(message: str) -> str:
    """The digit in a whole SIP request; empty when it is not `application/dtmf` or holds none."""
    head, _, body = message.replace("\r\n", "\n").partition("\n\n")
    found = _TYPE.search(head) and _DIGIT.match(body)
    if not found:
        return ""
    word = found[1].upper()
    # 10 to 15 are the event numbers of `*`, `#` and A to D (RFC 4733 section 3.2).
    return _EVENTS[int(word)] if len(word) == 2 else word
