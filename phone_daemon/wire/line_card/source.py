"""Whose RTP we listen to. Pure.

pjsua2 plays whatever reaches its port, and after a few packets even answers it, so a stranger who finds the port could
speak to the agent. Here the source is compared with what was signaled.
"""

from __future__ import annotations

from phone_daemon.events import SourceChanged

SETTLE = 5
"""Consecutive looks at a trusted source that make a line trusted again: two sources that alternate stay unused."""
STRIKES = 2
"""Consecutive looks at a stranger that make a line untrusted: a single one may be the last packet of the port's former
call."""


class SourceWatch:
    """Trusts the address that SDP named or, because of NAT, the address that sends first after each SDP."""

    def __init__(self) -> None:
        self.trusted = True
        """Whether the line's audio may be used."""
        self.strikes = 0
        """Consecutive looks at a stranger."""
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
        """Whether a packet from the caller has been seen since the last SDP."""
        return bool(self._latched)

    def expect(self, address: str) -> bool:
        """SDP (offer or answer, again with each re-INVITE) names `address` (`host:port`) as the caller's.

        Returns True if the address is new.
        """
        if address == self._sdp:
            return False
        # The old source may continue to send until the new one takes over.
        self._before = frozenset((self._sdp, self._latched)) - {""}
        self._sdp, self._latched = address, ""
        return True

    def look(self, address: str) -> SourceChanged | None:
        """The last packet came from `address`; returns the event if that changes the line's trust."""
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
        """The caller is at `address` from now on, whatever SDP named; returns the event if that is a change."""
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
