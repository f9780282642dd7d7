"""A fault: what is broken, what must come of it, and what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ops.chaos.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a fault: whether it is what must, and in a few words."""

    held: bool
    what: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `run` breaks something in a world that is well, looks, and mends it."""

    name: str
    must: str
    run: Callable[[World], Awaitable[Seen]]
