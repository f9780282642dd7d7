"""A SIP message as it appears in a datagram (RFC 3261 section 7). Pure. It accepts any input and never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPACT = {
    **{"a": "accept-contact", "c": "content-type", "e": "content-encoding", "f": "from", "i": "call-id"},
    **{"j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact", "o": "event", "r": "refer-to"},
    **{"s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity"},
}
"""The compact forms in the IANA registry."""
_FOLD = re.compile(r"\n[ \t]+")
_MARK = re.compile(r'\\["\\]|[",<>]')
_STRAY = re.compile("[\udc80-\udcff]")
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.IGNORECASE)

MOST_PARTS = 8
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SipMessage:
    """`method` and `uri` of a request, or `code` of a response (0 for a request)."""

    method: str
    uri: str
    code: int
    headers: tuple[tuple[str, str], ...]
    """In order; names are in lower case and in their long form."""
    body: str

    def all(self, name: str) -> list[str]:
        """Every value of a header (`name` in lower case)."""
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        """The first value of a header; empty if it is missing."""
        return next((value for each, value in self.headers if each == name), "")

    def entries(self, name: str) -> tuple[str, ...]:
        """Every entry of a header that may hold several, such as Record-Route, in order."""
        return tuple(entry for value in self.all(name) for entry in entries(value))

    @property
    def content_type(self) -> str:
        """Type and subtype in lower case, without parameters; empty if there is no body."""
        return self.header("content-type").partition(";")[0].strip().lower() if self.body.strip() else ""

    def parts(self, nested: int = 2) -> tuple[SipMessage, ...]:
        """The parts of a multipart body (RFC 5621), each with its headers and body, those of `nested` levels included;
        the message itself if its body is not multipart. More than `MOST_PARTS` of a level are left out.
        """
        found = _BOUNDARY.search(self.header("content-type")) if self.content_type.startswith("multipart/") else None
        if found is None or not nested:
            return (self,)
        delimiter = f"--{found[1] or found[2]}"
        # Before the first delimiter is a preamble. The rest of a delimiter's line is parsed as a start line of nothing.
        pieces = self.body.partition(f"\n{delimiter}--")[0].split(delimiter, MOST_PARTS + 1)[1 : MOST_PARTS + 1]
        return tuple(part for piece in pieces for part in parse(f"part{piece}").parts(nested - 1))

    @property
    def cseq(self) -> int:
        number = self.header("cseq").split(" ")[0]
        return int(number) if number.isascii() and number.isdigit() else 0

    @property
    def cseq_method(self) -> str:
        return self.header("cseq").partition(" ")[2].strip()

    @property
    def opens(self) -> bool:
        """Whether it asks for a new call, as an INVITE outside of a dialog does."""
        return self.method == "INVITE" and not self.to_tag

    @property
    def accepts(self) -> bool:
        """Whether it accepts an INVITE."""
        return self.code // 100 == 2 and self.cseq_method == "INVITE"

    @property
    def from_tag(self) -> str:
        return tag(self.header("from"))

    @property
    def to_tag(self) -> str:
        return tag(self.header("to"))


def entries(value: str) -> tuple[str, ...]:
    """The comma-separated entries of a header's value (RFC 3261 section 7.3.1), stripped of white space; empty entries
    are left out.

    Commas within quotes (where a backslash escapes a quote) or within angle brackets do not separate entries. A URI
    that contains a comma must be in brackets (section 20). Quotes and brackets that are never closed count as
    characters.
    """
    found, start, closes = [], 0, ""
    last_quote, last_bracket = value.rfind('"'), value.rfind(">")
    for mark in _MARK.finditer(value):
        if closes:
            closes = "" if mark[0] == closes else closes
        elif mark[0] == '"' and mark.start() < last_quote:
            closes = '"'
        elif mark[0] == "<" and mark.start() < last_bracket:
            closes = ">"
        elif mark[0] == ",":
            found.append(value[start : mark.start()])
            start = mark.end()
    return tuple(entry for each in (*found, value[start:]) if (entry := each.strip()))


def tag(address: str) -> str:
    """The tag in a From or To header's value; empty if it has none."""
    found = _TAG.search(address.rpartition(">")[2])
    return found[1] if found else ""


def legible(text: str) -> str:
    """Decodes bytes in `text` that are not UTF-8 as Latin-1, in which older PBXes write names. pjsua2 keeps such bytes
    as lone surrogates.
    """
    return _STRAY.sub(lambda byte: chr(ord(byte[0]) - 0xDC00), text)


def parse(text: str) -> SipMessage:
    """The message in `text`, as far as it can be read as one."""
    head, _, body = legible(text).lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")
    start, *lines = _FOLD.sub(" ", head).split("\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers.append((_COMPACT.get(name, name), value.strip()))
    words = start.split()
    if words and words[0].upper() == "SIP/2.0":
        code = words[1] if len(words) > 1 else ""
        return SipMessage("", "", int(code) if code.isascii() and code.isdigit() else 0, tuple(headers), body)
    method, uri = (words[0], words[1]) if len(words) > 1 else ("", "")
    return SipMessage(method, uri, 0, tuple(headers), body)
