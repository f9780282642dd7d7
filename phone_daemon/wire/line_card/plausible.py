"""Removes header values that nobody can mean, and that pjsip misunderstands or aborts on. Pure.

pjsip represents "not given" by the greatest number of seconds that RFC 3261 allows. So a registration that is granted
for that long ends the process, and a registrar that requires that long is asked again at once, forever. A Contact of
`*`, which only a REGISTER may have, also ends the process.
"""

from __future__ import annotations

import re

LONGEST_S = 604_800
"""One week; no registration or session lasts longer without a refresh."""
_SECONDS = re.compile(
    r"^((?:expires|min-expires|session-expires|x|min-se|retry-after)[ \t]*:[ \t]*)(\d+)", re.IGNORECASE | re.MULTILINE
)
_CONTACT = re.compile(r"^(?:contact|m)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n", re.IGNORECASE | re.MULTILINE)
_EXPIRES = re.compile(r"(;[ \t]*expires[ \t]*=[ \t]*\"?)(\d+)", re.IGNORECASE)
_STAR = re.compile(r"^[^:]*:\s*\*")


def plausible(text: str) -> str:
    """Returns the SIP message in `text` without such values; equal to `text` if it has none."""
    head, blank, body = text.partition("\r\n\r\n")
    clean = _CONTACT.sub(lambda found: _contact(found[0]), _SECONDS.sub(_shortened, head + "\r\n"))
    return clean.removesuffix("\r\n") + blank + body


def _contact(header: str) -> str:
    return "" if _STAR.match(header) else _EXPIRES.sub(_shortened, header)


def _shortened(found: re.Match[str]) -> str:
    return found[0] if int(found[2][:20]) <= LONGEST_S else f"{found[1]}{LONGEST_S}"
