"""How many calls may come in at once: more are held back a moment, and refused then."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

NEW_CALLS_A_SECOND = 20
"""pjsua2 aborts at some 60 a second, its 64 I/O handles being closed half a second late."""
HELD_BACK_S = 0.25


class CallRate:
    """Times (`now`) are those of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=NEW_CALLS_A_SECOND)
        self._held_back: deque[tuple[float, int]] = deque()

    def holds_back(self, call: int, now: float) -> bool:
        """Counts a call that comes in; true: it is one too many, and `due` returns it."""
        crowded = len(self._arrivals) == NEW_CALLS_A_SECOND and now - self._arrivals[0] < 1.0
        self._arrivals.append(now)
        if crowded:
            self._held_back.append((now + HELD_BACK_S, call))
        return crowded

    def due(self, now: float) -> Iterator[int]:
        """The calls that have been held back long enough, once each."""
        while self._held_back and self._held_back[0][0] <= now:
            yield self._held_back.popleft()[1]
