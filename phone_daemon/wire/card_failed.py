"""Why there is no line card to take calls."""

from __future__ import annotations


class CardFailed(Exception):
    """A line card that does not start, or is gone. One line that says what to do."""


class PortInUse(CardFailed):
    """The SIP port belongs to somebody else."""
