"""Makes SIP messages of up to 65,535 bytes short enough for pjsip, whose buffer holds 4,000. Pure.

What makes an INVITE long is seldom needed for a phone call: signatures (STIR/SHAKEN's Identity), the history of a
diversion, or a browser's codecs.
"""

from __future__ import annotations

from phone_daemon.wire.line_card.message import SipMessage, parse
from phone_daemon.wire.line_card.tidy_sdp import lean

ROOM = 3_900
"""Message size in bytes that pjsip is certain to take."""
MAX_HEAD = 16_000
"""Most bytes of an INVITE's headers that are passed to the daemon."""
_NEEDED = frozenset((
    *("via", "record-route", "route", "from", "to", "call-id", "cseq", "contact", "max-forwards"),
    *("require", "proxy-require", "supported", "allow", "expires", "session-expires", "min-se", "content-disposition"),
    *("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "retry-after"),
    *("replaces", "refer-to", "referred-by", "event", "subscription-state", "rack", "rseq", "info-package"),
))  # fmt: skip
"""Headers that pjsip acts on."""


def shorten(text: str) -> str | None:
    """The message in `text` with only what pjsip needs; None if that is still too long, or `text` is not a message."""
    message = parse(text)
    start = text.lstrip("\r\n").partition("\r\n")[0]
    kind, body = _body(message)
    body = lean(body) if kind == "application/sdp" else body.replace("\n", "\r\n")
    headers = [f"{name}: {value}" for name, value in message.headers if name in _NEEDED]
    headers += [f"content-type: {kind}"] if body else []
    short = "\r\n".join((start, *headers, f"content-length: {len(body.encode())}", "", body))
    return short if message.header("call-id") and len(short.encode()) <= ROOM else None


def _body(message: SipMessage) -> tuple[str, str]:
    """Type and text of the body; of several parts (RFC 5621), the session description."""
    kind = message.header("content-type")
    if not message.content_type.startswith("multipart/"):
        return kind.lower() if message.content_type == "application/sdp" else kind, message.body
    _, _, boundary = kind.partition("boundary=")
    for part in message.body.split("--" + boundary.partition(";")[0].strip(' "')):
        inner = parse("PART sip:part SIP/2.0\n" + part.replace("\r\n", "\n").lstrip("\n"))
        if inner.content_type == "application/sdp":
            return "application/sdp", inner.body
    return kind, message.body


def head(text: str) -> str:
    """The start line and headers of `text`, without signatures and anything that does not fit into `MAX_HEAD`."""
    message = parse(text)
    lines, room = [text.lstrip("\r\n").partition("\r\n")[0]], MAX_HEAD
    for name, value in message.headers:
        line = f"{name}: {value}"
        room -= len(line.encode()) if name != "identity" else 0
        if name != "identity" and room > 0:
            lines.append(line)
    return "\r\n".join(lines)
