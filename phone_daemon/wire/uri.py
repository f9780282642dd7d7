"""The user part of SIP and tel URIs (RFC 3261 section 19.1, RFC 3966), which is usually the telephone number."""

from __future__ import annotations

import re
from urllib.parse import unquote

_SIP = re.compile(r"\bsips?:([^@\s<>]*)@", re.IGNORECASE)
_TEL = re.compile(r"\btel:([^;?\s<>]*)", re.IGNORECASE)


_NAME = re.compile(r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^"<:;@]*))\s*<')
_NO_NAME = re.compile(r"[^\w .,'&()+-]")
MOST_OF_A_NAME = 64
WITHHELD = frozenset({"anonymous", "unknown", "restricted", "unavailable", "private", "withheld", "no number"})
"""Values that exchanges write in place of a number or name that is withheld or unknown."""


def is_withheld(user: str) -> bool:
    """Whether a caller's user part only says that the number is withheld or unknown; zeros alone count as that, too."""
    plain = user.strip("+ ").lower()
    return not plain or plain in WITHHELD or not plain.strip("0")


def display_name(address: str) -> str:
    """The name in a header (`"Ann Lee" <sip:…>`), in plain characters; empty if there is none or it is withheld."""
    found = _NAME.match(address)
    name = re.sub(r"\\(.)", r"\1", (found[1] or found[2] or "") if found else "")
    plain = " ".join(_NO_NAME.sub(" ", name).split())[:MOST_OF_A_NAME]
    return "" if plain.lower() in WITHHELD or plain.strip("+").isdigit() else plain


def user_part(address: str) -> str:
    """The user part of a URI, either bare or from a header (`"Name" <sip:user@host>;tag=…`).

    Any parameters and password are removed. Empty if there is none, or if the number is withheld (`anonymous`, RFC
    3323).
    """
    # A display name in quotes may contain anything, even a URI.
    bare = re.sub(r'^\s*"(?:[^"\\]|\\.)*"', "", address)
    found = _SIP.search(bare) or _TEL.search(bare)
    if found is None:
        return ""
    user = unquote(found[1].split(";")[0].split(":")[0])
    return "" if user.lower() == "anonymous" else user
