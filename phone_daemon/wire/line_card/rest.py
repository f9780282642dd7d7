"""Decides when a card without calls ticks less often, and what wakes it.

A card ticks every 20 ms, because that is how often a call needs audio. A machine has many cards, most of which carry no
call most of the time; if all of them ticked, they would cost more than the calls do.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence

from phone_daemon.events import PTIME_S

REST_S = 0.2
"""Time between two ticks of a resting card: shorter than all of pjsip's timers (RFC 3261's T1 is 0.5 s)."""
AWAKE_S = 1.0
"""How long a card continues to tick after the last event, so that pjsip can answer and close sockets."""


class Rest:
    """`always`: the sockets that the card waits for. `besides` returns those that every tick reads anyway, so that only
    a resting card waits for them."""

    def __init__(self, always: Sequence[socket.socket], besides: Callable[[], list[socket.socket]]) -> None:
        self._always = list(always)
        self._besides = besides
        self._awake_until = 0.0
        self._resting = False

    def wait(self, seconds: float, writers: Sequence[socket.socket]) -> list[socket.socket]:
        """Waits until something comes, or one of `writers` has room; returns the sockets that have something."""
        sockets = [*self._always, *self._besides()] if self._resting else self._always
        return select.select(sockets, writers, [], max(seconds, 0))[0]

    def stir(self, now: float) -> bool:
        """Something came, `now`. Returns whether the card was resting, so that it should tick at once."""
        was, self._resting = self._resting, False
        self._awake_until = now + AWAKE_S
        return was

    def pace(self, now: float, *, busy: bool) -> float:
        """Seconds from one tick to the next. `busy`: there is a call, or something else that needs every tick."""
        if busy:
            self._awake_until = now + AWAKE_S
        self._resting = now >= self._awake_until
        return REST_S if self._resting else PTIME_S
