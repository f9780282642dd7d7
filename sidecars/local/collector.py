"""Python's garbage collector in a process that is an engine's: never in the middle of a step.

What a large model loads are some 800,000 objects, which stay. Looking through all of them takes 0.4 s, and it was done
every 13 to 40 steps.
"""

from __future__ import annotations

import gc

DUE = 10
"""Collections of what is not quite new since the last full one, after which the next is due; Python's own."""
NEVER = 1_000
"""As many of them until Python makes a full one by itself: for an engine that never pauses between steps."""


def rest() -> None:
    """Before the engine is loaded: nothing that it loads is garbage, and looking through it took a tenth of the start.

    Until `settle`.
    """
    gc.disable()


def settle() -> None:
    """Once, after the engine is loaded: whatever is there now is never looked at again."""
    gc.enable()
    gc.collect()
    gc.freeze()
    young, old, _ = gc.get_threshold()
    gc.set_threshold(young, old, NEVER)


def between_steps() -> None:
    """Whenever the engine has done a piece of work and said what it has to say."""
    if gc.get_count()[2] >= DUE:
        gc.collect()
