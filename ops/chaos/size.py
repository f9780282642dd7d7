"""How large the faults are: small enough for a coffee break, or full."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """What a fault sends, and the longest that one may take."""

    flood_s: float = 10.0
    edge_mutants: int = 3000
    """Malformed messages through the edge."""
    card_mutants: int = 3000
    """… and straight to the line cards."""
    injected: int = 1000
    """RTP packets of a stranger."""
    longest_s: float = 240.0


SMALL = Size()
FULL = Size(flood_s=60.0, edge_mutants=1_000_000, card_mutants=100_000, injected=10_000, longest_s=2400.0)
