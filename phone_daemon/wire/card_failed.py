"""Errors for a line card that cannot take calls."""

from __future__ import annotations


class CardFailed(Exception):
    """The line card did not start, or is gone. The message is one line that says what to do."""


class PortInUse(CardFailed):
    """The SIP port is already in use."""
