"""How soon an engine that failed is loaded again: at once if it had worked for a while, else ever more slowly."""

from __future__ import annotations

FIRST_S = 0.05
MOST_S = 5.0
STEADY_S = 10.0
"""An engine that has worked for this long did not fail of starting: its successor may come without delay."""


def longer(delay_s: float) -> float:
    """The delay after `delay_s`, seconds."""
    return min(max(2 * delay_s, FIRST_S), MOST_S)
