"""Whose RTP a call listens to: what `source.py` decides, enforced on the socket by `pin.py`.

A source that moves in mid-call without any signaling (because a NAT binding is renewed, or another media server of the
carrier takes over) continues with the same SSRC while the old place is silent. Both must hold before the new place is
believed, so a stranger, who cannot know the SSRC, never is.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.events import SourceChanged
from phone_daemon.wire.line_card.pin import pin, unpin
from phone_daemon.wire.line_card.source import SourceWatch

QUIET_S = 0.5
"""Silence from the pinned source after which the same SSRC may come from elsewhere."""


class RtpSource:
    """One call's RTP source; `tell` gets each change of trust."""

    def __init__(self, tell: Callable[[SourceChanged], None]) -> None:
        self._tell = tell
        self._watch = SourceWatch()
        self._pinned = 0
        """Our RTP port, once only the caller's packets reach it."""
        self._relearning = False
        self._heard_at = 0.0

    @property
    def trusted(self) -> bool:
        """Whether the audio that comes in may be used."""
        return self._watch.trusted

    @property
    def known(self) -> bool:
        """Whether a packet from the caller has been seen since the last SDP."""
        return self._watch.known

    @property
    def caller(self) -> str:
        """Where the caller's RTP comes from, as far as is known (`host:port`)."""
        return self._watch.caller

    def expect(self, address: str) -> None:
        """SDP names `address` (`host:port`) as the caller's."""
        if self._watch.expect(address) and self._pinned:
            unpin(self._pinned)
            self._pinned, self._relearning = 0, False

    def look(self, sender: str, port: int, *, fresh: bool, ssrc: int, now: float) -> None:
        """The last packet to our `port` came from `sender`; `fresh`: since the last look. `ssrc` is the caller's."""
        if fresh:
            self._heard_at = now
        if self._relearning:
            if fresh:
                self._relearn(sender, port)
            return
        changed = self._watch.look(sender)
        if self._watch.strikes and not self._pinned and pin(port, self._watch.caller):
            # A stranger's first packet is also the last that gets through.
            self._pinned = port
        if changed is not None:
            self._tell(changed)
        if self._pinned and ssrc and now >= self._heard_at + QUIET_S:
            self._relearning = pin(port, self._watch.caller, ssrc)

    def _relearn(self, sender: str, port: int) -> None:
        """Somebody sends again with the caller's SSRC: the caller, from the old place or a new one."""
        self._relearning = False
        changed = self._watch.move(sender)
        pin(port, sender)
        if changed is not None:
            self._tell(changed)
