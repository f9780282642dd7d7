"""How soon an engine that failed is loaded again: at once if it had worked for a while, otherwise more and more
slowly."""

from __future__ import annotations

FIRST_S = 0.05
MOST_S = 5.0
STEADY_S = 10.0
"""An engine that worked for this long did not fail because of its start, so its successor is started without delay."""


def longer(delay_s: float) -> float:
    """Returns the delay that follows `delay_s`, in seconds."""
    return min(max(2 * delay_s, FIRST_S), MOST_S)
