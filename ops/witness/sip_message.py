"""A SIP message as parsed by the witness (RFC 3261 section 7). Shares nothing with the line card's own parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ROUTE = re.compile(r"<[^<>]*>")
_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP message: `method` of a request or `code` of a response; header names in lower case, long form."""

    method: str = ""
    uri: str = ""
    code: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    vias: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    """Record-Route, in its original order."""
    body: str = ""

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq."""
        number, _, method = self.headers.get("cseq", "0 ").partition(" ")
        return int(number), method.strip()


def parse(datagram: bytes) -> Message:
    """The message in a datagram. Raises `ValueError` if it is not one."""
    head, _, body = datagram.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    headers: dict[str, str] = {}
    vias: list[str] = []
    routes: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        name = _COMPACT.get(name.strip().lower(), name.strip().lower())
        if name == "via":
            vias.append(value.strip())
        elif name == "record-route":
            routes += _ROUTE.findall(value)
        headers.setdefault(name, value.strip())
    if start.startswith("SIP/2.0 "):
        _, code, reason = f"{start} ".split(" ", 2)
        found = tuple(vias), tuple(routes)
        return Message("", "", int(code), reason.strip(), headers, *found, body)
    method, _, rest = start.partition(" ")
    if not rest.endswith(" SIP/2.0"):
        raise ValueError(f"not a SIP message: {start[:60]!r}")
    return Message(method, rest.removesuffix(" SIP/2.0"), 0, "", headers, tuple(vias), tuple(routes), body)
