"""The project's one definition of a percentile."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """p50, p90, p95, p99, and max by nearest rank: the smallest value that at least p % of the values do not exceed.

    Always a measured value, never an interpolated one; the p99 of fewer than 100 values is the largest. Raises
    `ValueError` if there are none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no percentiles")
    ranks = {f"p{p}": ordered[ceil(p * len(ordered) / 100) - 1] for p in (50, 90, 95, 99)}
    return {**ranks, "max": ordered[-1]}


def gate_ms(floor_ms: float) -> float:
    """The limit for the p95 of a whole cancel chain: 400 ms beyond the model's own floor."""
    return floor_ms + 400.0
