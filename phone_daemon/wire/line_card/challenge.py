"""Challenges (RFC 3261 section 22, RFC 8760) that pjsip cannot answer. Pure.

It would give up without a word, which looks like a wrong password.
"""

from __future__ import annotations

import re

from phone_daemon.wire.line_card.message import SipMessage, parse

HEADERS = ("www-authenticate", "proxy-authenticate")
OFFERED = "we offer Digest with MD5 or SHA-256"
_STATUS = re.compile(r"SIP/2\.0 (?:401|407)\b[^\r\n]*", re.IGNORECASE)
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_OURS = frozenset({"MD5", "SHA-256"})


def explained(text: str) -> str:
    """The SIP message in `text`; if it asks for a password only in ways that we do not have, its reason says so."""
    found = _STATUS.match(text)
    reason = unanswerable(parse(text)) if found else ""
    return f"{found[0]}: {reason}{text[found.end() :]}" if found and reason else text


def unanswerable(response: SipMessage) -> str:
    """What a response asks for and what we offer, if none of its challenges can be answered; otherwise empty."""
    asked = [_asks(value) for name in HEADERS for value in response.all(name)]
    return f"it asks for {' or '.join(asked)}, {OFFERED}" if asked and all(asked) else ""


def _asks(challenge: str) -> str:
    """What a challenge asks for; empty if we have it."""
    scheme, _, rest = challenge.strip().partition(" ")
    if scheme.lower() != "digest":
        return scheme or "nothing"
    given: dict[str, str] = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
    algorithm, qop = given.get("algorithm", "MD5").upper(), given.get("qop", "")
    wanted = [each.strip().lower() for each in qop.split(",") if each.strip()]
    if algorithm not in _OURS:
        return algorithm
    return "" if not wanted or "auth" in wanted else f"{algorithm} with {' or '.join(wanted)}"
