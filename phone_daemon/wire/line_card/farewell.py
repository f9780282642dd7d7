"""Sends BYE for the calls of a line card that has died: the daemon keeps what is needed, and the next card sends it.

Otherwise the caller's side would not know that the call is over: RTP just stops, and a telephone waits for its own
timers, if it has any.
"""

from __future__ import annotations

import errno
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from phone_daemon.wire.line_card.message import SipMessage, entries
from phone_daemon.wire.line_card.reach import is_address
from phone_daemon.wire.protocol import Farewell

CSEQ = 1_000_000
"""CSeq of the BYE: pjsip begins at a random number below 32,768, and any number higher than the last is in order."""
AGAIN_S = (0.5, 1.5, 3.5)
"""When the BYE is retransmitted over UDP (RFC 3261 section 17.1.2.2)."""
GIVE_UP_S = 6.0
_FAILURE = 'Q.850;cause=41;text="Temporary failure"'
_ELSEWHERE = 'SIP;cause=487;text="Request Terminated"'
_NAME = re.compile(r'\s*"(?:[^"\\]|\\.)*"')
_HOST = re.compile(r"sips?:(?:[^@;>]*@)?([^:;?>\s]+)(?::(\d+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ends:
    """What a request needs to know about its dialog (RFC 3261 section 12)."""

    call_id: str
    theirs: str
    """Their From or To, with the tag."""
    target: str
    """URI of their Contact."""
    routes: tuple[str, ...]
    sender: str
    """`host:port` that their messages come from."""
    tcp: bool
    ours: str = ""
    """Our From or To, with the tag; empty until our tag is known."""

    @classmethod
    def of_accepted(cls, response: SipMessage, sender: str) -> Ends:
        """The dialog of a call of ours that `response`, a 2xx to its INVITE, accepts."""
        return cls(
            response.header("call-id"),
            theirs=response.header("to"),
            target=_uri(response.header("contact")),
            routes=response.entries("record-route")[::-1],
            sender=sender,
            tcp=_by_tcp(response),
            ours=response.header("from"),
        )

    def bye(self, host: str, reason: str = _FAILURE) -> Farewell:
        """`host`: our `address:port`; `reason`: the value of the Reason header (RFC 3326)."""
        return Farewell(self.call_id, *self._request(host, "BYE", CSEQ, f"Reason: {reason}"))

    def ack(self, host: str, cseq: int) -> tuple[str, bool, str]:
        """The ACK of a 2xx: the address to send it to, whether to use TCP, and its text."""
        return self._request(host, "ACK", cseq)

    def _request(self, host: str, method: str, cseq: int, *more: str) -> tuple[str, bool, str]:
        hop = self.routes[0] if self.routes else self.target
        found = _HOST.search(hop)
        address, tcp = self.sender, self.tcp
        if found and is_address(found[1]):
            address, tcp = f"{found[1]}:{found[2] or 5060}", "transport=tcp" in hop.lower()
        lines = (
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/{'TCP' if tcp else 'UDP'} {host};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            *(f"Route: {route}" for route in self.routes),
            "Max-Forwards: 70",
            f"From: {self.ours}",
            f"To: {self.theirs}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            *more,
            "Content-Length: 0",
        )
        return address, tcp, "\r\n".join((*lines, "", ""))


class Dialogs:
    """The live calls of this card. `tell` gets the BYE of each, again whenever it changes, and an empty one when the
    call ends."""

    def __init__(self, host: str, tell: Callable[[Farewell], None]) -> None:
        self._host = host
        self._tell = tell
        self._ends: dict[str, Ends] = {}

    def opened(self, invite: SipMessage, sender: str) -> None:
        """`invite` opens a call to us."""
        self._ends[invite.header("call-id")] = Ends(
            invite.header("call-id"),
            theirs=invite.header("from"),
            target=_uri(invite.header("contact")),
            routes=invite.entries("record-route"),
            sender=sender,
            tcp=_by_tcp(invite),
        )

    def look(self, message: SipMessage, sender: str) -> None:
        """Looks at a message of a live call from the other side."""
        call_id = message.header("call-id")
        known = self._ends.get(call_id)
        if message.code:
            if known is None and message.accepts:
                self._set(Ends.of_accepted(message, sender))
        elif known is not None and message.method == "ACK" and not known.ours and message.to_tag:
            self._set(replace(known, ours=message.header("to")))
        elif known is not None and message.method in ("INVITE", "UPDATE") and message.to_tag:
            target = _uri(message.header("contact")) or known.target
            if target != known.target:
                self._set(replace(known, target=target))

    def _set(self, ends: Ends) -> None:
        self._ends[ends.call_id] = ends
        if ends.ours and ends.target:
            self._tell(ends.bye(self._host))

    def closed(self, call_id: str) -> None:
        ends = self._ends.pop(call_id, None)
        if ends is not None and ends.ours:
            self._tell(Farewell(call_id, "", False, ""))


@dataclass(slots=True)
class _Sent:
    farewell: Farewell
    at: float
    times: int = 0
    stream: socket.socket | None = None


class Farewells:
    """Ends calls that pjsip does not know: the previous card's, and our own that are accepted after they have ended.
    `udp` is a socket on our SIP port, from which BYEs are sent."""

    def __init__(self, udp: socket.socket) -> None:
        self._udp = udp
        self._sent: dict[str, _Sent] = {}

    def __bool__(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._sent)

    def say(self, farewell: Farewell, now: float) -> None:
        """Sends a BYE, and repeats it until it is answered or an answer can no longer be expected."""
        self._sent[farewell.call_id] = _Sent(farewell, now)
        self.watch(now)

    def decline(self, accepted: SipMessage, sender: str, host: str, now: float) -> None:
        """Ends a call of ours that somebody accepts although it was canceled, or refused by somebody else: a proxy may
        have asked several (RFC 3261 section 13.2.2.4). `host`: our `address:port`.
        """
        ends = Ends.of_accepted(accepted, sender)
        address, tcp, ack = ends.ack(host, accepted.cseq)
        if not tcp:
            self._udp.sendto(ack.encode(), _pair(address))
        if ends.call_id not in self._sent:
            self.say(ends.bye(host, _ELSEWHERE), now)

    def watch(self, now: float) -> None:
        """To be called at every tick."""
        for call_id, sent in list(self._sent.items()):
            if now - sent.at >= GIVE_UP_S:
                self._forget(call_id)
            elif sent.farewell.tcp:
                self._by_tcp(call_id, sent)
            elif sent.times <= len(AGAIN_S) and now - sent.at >= (0.0, *AGAIN_S)[sent.times]:
                sent.times += 1
                try:
                    self._udp.sendto(sent.farewell.bye.encode(), _pair(sent.farewell.address))
                except OSError:
                    continue  # tried again when the next one is due

    def _by_tcp(self, call_id: str, sent: _Sent) -> None:
        try:
            if sent.stream is None:
                sent.stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                sent.stream.setblocking(False)
                sent.stream.connect_ex(_pair(sent.farewell.address))
            elif not sent.times:
                sent.stream.send(sent.farewell.bye.encode())
                sent.times = 1
            else:
                sent.stream.recv(4_000)
                self._forget(call_id)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                self._forget(call_id)

    def answered(self, response: SipMessage) -> bool:
        """Whether `response` answers one of these BYEs."""
        call_id = response.header("call-id")
        if call_id not in self._sent or response.cseq_method != "BYE":
            return False
        if response.code >= 200:
            self._forget(call_id)
        return True

    def _forget(self, call_id: str) -> None:
        sent = self._sent.pop(call_id)
        if sent.stream is not None:
            sent.stream.close()


def _pair(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _by_tcp(message: SipMessage) -> bool:
    return message.header("via").upper().startswith("SIP/2.0/TCP")


def _uri(address: str) -> str:
    """The URI of a Contact header."""
    first = next(iter(entries(address)), "")
    # A name in quotes may contain anything, even a bracket.
    _, bracket, rest = _NAME.sub("", first, count=1).partition("<")
    return rest.partition(">")[0] if bracket else first.partition(";")[0].strip()
