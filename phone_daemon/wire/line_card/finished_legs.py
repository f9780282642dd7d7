"""Calls that are over, kept until their pjsua2 objects can be destroyed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Collection

from phone_daemon.wire.line_card.leg import Leg


class FinishedLegs:
    def __init__(self) -> None:
        self._legs: list[Leg] = []

    def __bool__(self) -> bool:
        return bool(self._legs)

    def add(self, leg: Leg) -> None:
        """`leg` is `gone`."""
        self._legs.append(leg)

    def destroy(self, slots_taken: Collection[int]) -> None:
        """Destroys those whose pjsua2 slot no live call has, as long as nothing else refers to them.

        The destructor of pjsua2's Call hangs up any call that has its slot by then, or at least keeps further reports
        of that call from being delivered: an INVITE that came right after the BYE may have the slot. So this waits
        until nobody has the slot, and keeps calls to which something still refers.
        """
        free = [weakref.ref(leg) for leg in self._legs if leg.getId() not in slots_taken]
        self._legs = [leg for leg in self._legs if leg.getId() in slots_taken]
        if free:
            gc.collect()
            self._legs += [leg for each in free if (leg := each()) is not None]
