"""Controls Python's garbage collector in an engine's own process, so that it never runs in the middle of a step.

A large model creates some 800,000 permanent objects. Scanning all of them takes 0.4 s, and used to happen every 13 to
40 steps.
"""

from __future__ import annotations

import gc

from sidecars import heap

DUE = 10
"""The number of middle-generation collections since the last full one after which the next is due; Python's own
value."""
NEVER = 1_000
"""The number of such collections until Python makes a full one by itself, for an engine that never pauses between
steps."""


def rest() -> None:
    """Disables collection until `settle`; called before the engine is loaded. Nothing that the engine loads is garbage,
    and scanning it took a tenth of the startup time.
    """
    gc.disable()


def settle() -> None:
    """Excludes all present objects from collection for good, and returns the memory that only loading needed; called
    once, after the engine is loaded."""
    gc.enable()
    heap.trim()
    gc.freeze()
    young, old, _ = gc.get_threshold()
    gc.set_threshold(young, old, NEVER)


def between_steps() -> None:
    """Collects if it is due; called whenever the engine has done a piece of work and sent its messages."""
    if gc.get_count()[2] >= DUE:
        gc.collect()
