"""A fault: what is broken, the required outcome, and the observed one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ops.chaos.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """The outcome of a fault: whether it is the required one, and a short description."""

    held: bool
    what: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `run` breaks something in a healthy world, observes, and repairs it."""

    name: str
    must: str
    run: Callable[[World], Awaitable[Seen]]
