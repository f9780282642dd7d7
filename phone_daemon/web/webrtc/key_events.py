"""DTMF keys in RTP: telephone-event (RFC 4733), one digit however many packets tell of it. Pure."""

from __future__ import annotations

DIGITS = "0123456789*#ABCD"
"""By event code (section 3.2)."""


class KeyEvents:
    """One stream's."""

    def __init__(self) -> None:
        self._timestamp: int | None = None

    def take(self, timestamp: int, payload: bytes) -> str:
        """The digit that begins with this packet; empty when it goes on, was told already, or is no digit.

        All packets of one key have the RTP timestamp of its beginning (section 2.2.1), also the three that end it.
        """
        if len(payload) < 4 or payload[0] >= len(DIGITS) or timestamp == self._timestamp:
            return ""
        self._timestamp = timestamp
        return DIGITS[payload[0]]
