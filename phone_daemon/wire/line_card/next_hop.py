"""Where the next requests of a call go, if the other side has named a place to which pjsip cannot send. Pure.

pjsip aborts the process if it cannot send the ACK of a 2xx, because Contact or Record-Route is no SIP URI, and drops a
response in which a single header cannot be parsed, so that a call that was answered fails with 408.
"""

from __future__ import annotations

import re

from phone_daemon.wire.line_card.message import entries, parse

_HEADER = r"^(?:{})[ \t]*:(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)\r?\n"
_CONTACT = re.compile(_HEADER.format("contact|m"), re.IGNORECASE | re.MULTILINE)
_ROUTE = re.compile(_HEADER.format("record-route"), re.IGNORECASE | re.MULTILINE)
_SCHEME = re.compile(r"\s*(?:[^<]*<)?\s*([A-Za-z][\w.+-]*):")
_WHOLE = re.compile(
    r"(?:(?:\"[^\"]*\"|[^<\"]*)<)?sips?:(?:[^\s<>@]+@)?(?:\[[\da-f:.]+\]|[\w.-]+)"
    r"(?::(?P<port>\d{1,5}))?(?:[;?][^\s<>]*)?(?:>[^<>]*)?",
    re.IGNORECASE,
)
_MAKES_DIALOGS = re.compile(r"^cseq[ \t]*:[ \t]*\d+[ \t]+(?:INVITE|UPDATE)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_NEEDED = frozenset((
    *("via", "from", "to", "call-id", "cseq", "contact", "record-route", "content-type", "require", "rseq"),
    *("www-authenticate", "proxy-authenticate"),
))  # fmt: skip
"""What a response cannot do without."""


def reachable(text: str, sender: str) -> str:
    """The INVITE, the UPDATE, or the response to one in `text`, from `sender` (`host:port`), without places to which no
    SIP request can be sent: instead of such a Contact, the sender's address; no Record-Route rather than such a one.
    """
    head, blank, body = text.partition("\r\n\r\n")
    if not _MAKES_DIALOGS.search(head + "\r\n"):
        return text
    code = parse(head).code
    if code >= 300:
        return text
    head += "\r\n"
    routes = [entry for found in _ROUTE.finditer(head) for entry in entries(found["value"])]
    if not all(map(_is_sip, routes)):
        head = _ROUTE.sub("", head)
    if any(not _is_sip(entry) for found in _CONTACT.finditer(head) for entry in entries(found["value"])):
        head = _CONTACT.sub("", head) + f"Contact: <sip:{sender}>\r\n"
    return head.removesuffix("\r\n") + blank + body


def readable(text: str, sender: str) -> str | None:
    """The response in `text`, from `sender`, which pjsip could not parse, with only what a call needs. None if `text`
    is no response, or is already in this form.
    """
    message = parse(text)
    if not 101 <= message.code < 700 or not message.header("call-id"):
        return None
    lines = [f"SIP/2.0 {message.code} Unreadable"]
    for name, value in message.headers:
        whole = all(map(_is_whole, entries(value)))
        if name == "contact":
            lines.append(f"{name}: {value if whole else f'<sip:{sender}>'}")
        elif name in _NEEDED and (whole or name != "record-route"):
            lines.append(f"{name}: {value}")
    body = message.body.replace("\n", "\r\n")
    lines.append(f"content-length: {len(body.encode('utf-8', 'surrogateescape'))}")
    plain = "\r\n".join((*lines, "", body))
    return None if plain == text else plain


def _is_sip(entry: str) -> bool:
    """Whether an entry names a SIP URI, or nothing at all."""
    found = _SCHEME.match(entry)
    return found is None or found[1].lower() in ("sip", "sips")


def _is_whole(entry: str) -> bool:
    """Whether an entry can be parsed, and leads somewhere."""
    found = _WHOLE.fullmatch(entry)
    return found is not None and 0 < int(found["port"] or 5060) < 65_536
