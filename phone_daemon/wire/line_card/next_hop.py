"""Decides where the next requests of a call go if the other side has named an address to which pjsip cannot send. Pure.

If Contact or Record-Route is not a SIP URI, pjsip cannot send the ACK of a 2xx, and aborts the process. If a single
header of a response cannot be parsed, pjsip drops the response, so an answered call fails with 408. If the address is a
SIP URI to which nothing can be sent (`sips:` or `transport=tls` without TLS here, RFC 5630; a name that does not exist;
an address behind NAT), neither ACK nor BYE leaves: the other side repeats its answer for half a minute, and the call
never ends there. In all these cases its message has reached us, so ours are sent back to where it came from.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable

from phone_daemon.wire.line_card import challenge
from phone_daemon.wire.line_card.message import SipMessage, entries, parse

_HEADER = r"^(?:{})[ \t]*:(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)\r?\n"
_CONTACT = re.compile(_HEADER.format("contact|m"), re.IGNORECASE | re.MULTILINE)
_ROUTE = re.compile(_HEADER.format("record-route"), re.IGNORECASE | re.MULTILINE)
_SCHEME = re.compile(r"\s*(?:[^<]*<)?\s*([A-Za-z][\w.+-]*):")
_WHOLE = re.compile(
    r"(?:(?:\"[^\"]*\"|[^<\"]*)<)?sips?:(?:[^\s<>@]+@)?(?:\[[\da-f:.]+\]|[\w.-]+)"
    r"(?::(?P<port>\d{1,5}))?(?:[;?][^\s<>]*)?(?:>[^<>]*)?",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:^|(?P<bracket><))\s*(?P<scheme>sips?):(?:[^\s<>@]*@)?(?P<host>\[[^\]\s]*\]|[^\s<>:;?,]+)"
    r"(?::(?P<port>\d{1,5}))?(?P<rest>[^>]*)",
    re.IGNORECASE,
)
_TRANSPORT = re.compile(r";\s*transport\s*=\s*([\w-]+)", re.IGNORECASE)
_MADDR = re.compile(r";\s*maddr\s*=\s*([^\s;?>]+)", re.IGNORECASE)
_USER = re.compile(r"(?:^|<)\s*sips?:([\w.!~*'()&=+$,;?/%-]+@)", re.IGNORECASE)
_SIPS = re.compile(r"<\s*sips:([^\s<>?]+)|^\s*sips:([^\s<>?;]+)", re.IGNORECASE)
REMEMBERED = 64
"""How many calls' beginnings are remembered, which is many more than a card carries."""
_MAKES_DIALOGS = re.compile(r"^cseq[ \t]*:[ \t]*\d+[ \t]+(?:INVITE|UPDATE)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_NEEDED = frozenset((
    *("via", "from", "to", "call-id", "cseq", "contact", "record-route", "content-type", "require", "rseq"),
    *challenge.HEADERS,
))  # fmt: skip
"""The headers that a response must have."""


class NextHops:
    """Corrects the addresses that messages name, based on the message and on how its call began."""

    def __init__(
        self,
        reaches: Callable[[str, int, str, str], bool],
        ours: Callable[[SipMessage, str], bool],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`reaches(host, port, transport, sender)`: whether we can send there what `sender` (an address) wants sent.

        `ours(message, sender)`: whether the message may belong to a call of ours, so that checking is worthwhile.
        `tell` takes a line for the log.
        """
        self._reaches = reaches
        self._ours = ours
        self._tell = tell
        self._opened: OrderedDict[str, tuple[bool, int, bool]] = OrderedDict()
        """For each call, by Call-ID: what opened it (whether it was their response, and its CSeq), and whether it has a
        route. In a call with a route, requests do not go to the Contact (RFC 3261 section 12.2.1.1)."""

    def reachable(self, text: str, sender: str) -> str:
        """Returns the INVITE, UPDATE, or response to one in `text`, from `sender` (`host:port`), without addresses to
        which nothing can be sent: such a Contact, or a missing one, is replaced by the sender's address, and such a
        Record-Route is removed.
        """
        head, blank, body = text.partition("\r\n\r\n")
        if not _MAKES_DIALOGS.search(head + "\r\n"):
            return text
        message = parse(head)
        if message.code >= 300:
            return text
        head += "\r\n"
        ours = self._ours(message, sender)
        call_id = message.header("call-id")
        opens, routed = self._state(message)
        routes = message.entries("record-route")
        usable = all(map(_is_sip, routes))
        if usable and routes and opens and ours:
            usable = self._leads(routes[-1] if message.code else routes[0], sender)
        if not usable:
            head, routes = _ROUTE.sub("", head), ()
        if opens and ours:
            routed = bool(routes)
            self._opened[call_id] = bool(message.code), message.cseq, routed
            if len(self._opened) > REMEMBERED:
                self._opened.popitem(last=False)
        contacts = message.entries("contact")
        contact = ""
        leads = all(_is_sip(each) and (routed or not ours or self._leads(each, sender)) for each in contacts)
        if not leads or (not contacts and opens and (message.opens or message.accepts)):
            by_tcp = ";transport=tcp" if message.header("via").upper().startswith("SIP/2.0/TCP") else ""
            contact = f"sip:{_user(contacts)}{sender}{by_tcp}"
        elif routed and (found := _SIPS.search(next(iter(contacts), ""))):
            # pjsip sends to sips: only over TLS, even if the next hop is a proxy.
            contact = f"sip:{found[1] or found[2]}"
            contact += "" if _TRANSPORT.search(contact) else ";transport=tls"
        if contact:
            head = _CONTACT.sub("", head) + f"Contact: <{contact}>\r\n"
        return head.removesuffix("\r\n") + blank + body

    def _state(self, message: SipMessage) -> tuple[bool, bool]:
        """Whether the message opens a call, and whether the call has a route, as far as is known."""
        known = self._opened.get(message.header("call-id"))
        if message.cseq_method != "INVITE":
            opens = False
        elif message.code:
            opens = known is None or known[:2] == (True, message.cseq)
        else:
            opens = not message.to_tag
        return opens, known is None or known[2]

    def _leads(self, entry: str, sender: str) -> bool:
        """Whether a request can be sent to the address in `entry`. An entry that cannot be parsed is left to pjsip."""
        found = _PLACE.search(entry)
        if found is None:
            return True
        # Without angle brackets, parameters belong to the header, not the URI (RFC 3261 section 20.10).
        parameters = found["rest"] if found["bracket"] else ""
        transport, host = _TRANSPORT.search(parameters), _MADDR.search(parameters)
        way = "tls" if found["scheme"].lower() == "sips" else transport[1] if transport else "udp"
        to = host[1] if host else found["host"]
        port = int(found["port"] or 5060)
        if port > 65_535 or self._reaches(to, port, way, sender.rpartition(":")[0]):
            return True
        self._tell(f"{sender} wants requests at {to} by {way}, where none can be sent from here: they go to {sender}")
        return False


def readable(text: str, sender: str) -> str | None:
    """Reduces the response in `text`, from `sender`, which pjsip could not parse, to what a call needs. None if `text`
    is not a response, or is already reduced.
    """
    message = parse(text)
    if not 101 <= message.code < 700 or not message.header("call-id"):
        return None
    lines = [f"SIP/2.0 {message.code} {challenge.unanswerable(message) or 'Unreadable'}"]
    for name, value in message.headers:
        whole = all(map(_is_whole, entries(value)))
        if name == "contact":
            lines.append(f"{name}: {value if whole else f'<sip:{sender}>'}")
        elif name in challenge.HEADERS and not value.lower().startswith("digest"):
            continue  # such as NTLM, with which pjsip cannot use the other challenges, either
        elif name in _NEEDED and (whole or name != "record-route"):
            lines.append(f"{name}: {value}")
    body = message.body.replace("\n", "\r\n")
    lines.append(f"content-length: {len(body.encode('utf-8', 'surrogateescape'))}")
    plain = "\r\n".join((*lines, "", body))
    return None if plain == text else plain


def _user(contacts: tuple[str, ...]) -> str:
    """The user part of the first SIP URI, with its `@`; empty if there is none."""
    found = _USER.search(contacts[0]) if contacts else None
    return found[1] if found else ""


def _is_sip(entry: str) -> bool:
    """Whether an entry names a SIP URI, or is empty."""
    found = _SCHEME.match(entry)
    return found is None or found[1].lower() in ("sip", "sips")


def _is_whole(entry: str) -> bool:
    """Whether an entry can be parsed and names a host."""
    found = _WHOLE.fullmatch(entry)
    return found is not None and 0 < int(found["port"] or 5060) < 65_536
