"""Whose RTP we listen to. Pure.

pjsua2 plays whatever reaches its port, and after a few packets even answers to it, so a stranger who finds the
port can speak to the agent. Here the source is compared with what the signalling said.
"""

from __future__ import annotations

from phone_daemon.events import SourceChanged

SETTLE = 5
"""Looks in a row at a trusted source that make a line trusted again: two sources that take turns stay unused."""
STRIKES = 2
"""Looks in a row at a stranger that make a line untrusted: one may be a last packet of the port's former call."""


class SourceWatch:
    """Trusts the address that SDP named or, because of NAT, the one that sends first after each SDP instead of it."""

    def __init__(self) -> None:
        self.trusted = True
        """The line's audio may be used."""
        self.strikes = 0
        """Looks in a row at a stranger."""
        self._sdp = ""
        self._latched = ""
        self._before: frozenset[str] = frozenset()
        self._good = 0

    @property
    def caller(self) -> str:
        """Where the caller's RTP comes from, as far as is known."""
        return self._latched or self._sdp

    @property
    def known(self) -> bool:
        """A packet of the caller's was seen since the last SDP."""
        return bool(self._latched)

    def expect(self, address: str) -> bool:
        """SDP (offer or answer, again with each re-INVITE) names `address` (`host:port`) as the caller's.

        True when that is another than before.
        """
        if address == self._sdp:
            return False
        # The old source may send on until the new one takes over.
        self._before = frozenset((self._sdp, self._latched)) - {""}
        self._sdp, self._latched = address, ""
        return True

    def look(self, address: str) -> SourceChanged | None:
        """The last packet came from `address`; returns the event when that changes what we think of the line."""
        if address not in self._before:
            self._latched = self._latched or address
            if address not in (self._sdp, self._latched):
                self._good = 0
                self.strikes += 1
                return self._turn(False, address) if self.strikes >= STRIKES else None
            self._before = frozenset()
        self.strikes = 0
        self._good += 1
        return self._turn(True, address) if self._good >= SETTLE else None

    def move(self, address: str) -> SourceChanged | None:
        """The caller is at `address` from now on, whatever SDP named; returns the event when that is news."""
        news = address != self.caller or not self.trusted
        self._latched = address
        self._before = frozenset()
        self.strikes, self._good, self.trusted = 0, SETTLE, True
        return SourceChanged(address, trusted=True) if news else None

    def _turn(self, trusted: bool, address: str) -> SourceChanged | None:
        if trusted is self.trusted:
            return None
        self.trusted = trusted
        return SourceChanged(address, trusted)
