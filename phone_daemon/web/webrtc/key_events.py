"""DTMF keys in RTP: telephone-event (RFC 4733). A key is reported once, however many packets describe it. Pure."""

from __future__ import annotations

from phone_daemon.events import DTMF_EVENTS


class KeyEvents:
    """The key events of one stream."""

    def __init__(self) -> None:
        self._timestamp: int | None = None

    def take(self, timestamp: int, payload: bytes) -> str:
        """The digit that begins with this packet; empty if its key is still pressed or was already reported, or if it
        is not a digit. All packets of one key have the RTP timestamp of its beginning (section 2.2.1), even the three
        that end it.
        """
        if len(payload) < 4 or payload[0] >= len(DTMF_EVENTS) or timestamp == self._timestamp:
            return ""
        self._timestamp = timestamp
        return DTMF_EVENTS[payload[0]]
