"""Header values that pjsip takes for something else, or aborts on, and that nobody can mean. Pure.

pjsip stands for "not given" by the greatest number of seconds that RFC 3261 allows: a registration granted for so long
ends the process, and a registrar that asks for so long is asked again at once, for ever. A Contact of `*`, which only a
REGISTER may have, ends the process as well.
"""

from __future__ import annotations

import re

LONGEST_S = 604_800
"""A week: no registration and no session is left alone for longer."""
_SECONDS = re.compile(
    r"^((?:expires|min-expires|session-expires|x|min-se|retry-after)[ \t]*:[ \t]*)(\d+)", re.IGNORECASE | re.MULTILINE
)
_CONTACT = re.compile(r"^(?:contact|m)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n", re.IGNORECASE | re.MULTILINE)
_EXPIRES = re.compile(r"(;[ \t]*expires[ \t]*=[ \t]*\"?)(\d+)", re.IGNORECASE)
_STAR = re.compile(r"^[^:]*:\s*\*")


def plausible(text: str) -> str:
    """The SIP message in `text` without such values; equal to `text` if it has none."""
    head, blank, body = text.partition("\r\n\r\n")
    clean = _CONTACT.sub(lambda found: _contact(found[0]), _SECONDS.sub(_shortened, head + "\r\n"))
    return clean.removesuffix("\r\n") + blank + body


def _contact(header: str) -> str:
    return "" if _STAR.match(header) else _EXPIRES.sub(_shortened, header)


def _shortened(found: re.Match[str]) -> str:
    return found[0] if int(found[2][:20]) <= LONGEST_S else f"{found[1]}{LONGEST_S}"
