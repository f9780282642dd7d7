"""Which calls are refused: those that come in too fast, after a moment, and those of the edge that the daemon does not
decide on in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from phone_daemon.wire.line_card.admission import NAMED
from phone_daemon.wire.line_card.message import SipMessage

NEW_CALLS_A_SECOND = 20
"""pjsua2 aborts at some 60 a second, its 64 I/O handles being closed half a second late."""
HELD_BACK_S = 0.25
DECISION_S = 1.5
"""After 1.8 s the edge gives a call to the next card. A daemon that is behind would answer it all the same, for nobody:
on a busy machine each call became a call of every card, and no card had a place for the next one.
"""


class CallRate:
    """Times (`now`) are those of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=NEW_CALLS_A_SECOND)
        self._held_back: deque[tuple[float, int]] = deque()
        self._undecided: dict[int, float] = {}

    def holds_back(self, call: int, now: float) -> bool:
        """Counts a call that comes in; true: it is one too many, and `due` returns it."""
        crowded = len(self._arrivals) == NEW_CALLS_A_SECOND and now - self._arrivals[0] < 1.0
        self._arrivals.append(now)
        if crowded:
            self._held_back.append((now + HELD_BACK_S, call))
        return crowded

    def offered(self, call: int, invite: SipMessage, now: float) -> None:
        """The daemon has been told of a call; if it is the edge's, `due` returns it unless it is `decided` in time."""
        if invite.header(NAMED):
            self._undecided[call] = now + DECISION_S

    def decided(self, call: int) -> None:
        """The daemon answers or refuses a call, or it is over."""
        self._undecided.pop(call, None)

    def due(self, now: float) -> Iterator[int]:
        """The calls that are to be refused now, once each."""
        while self._held_back and self._held_back[0][0] <= now:
            yield self._held_back.popleft()[1]
        late = [call for call, limit in self._undecided.items() if limit <= now]
        for call in late:
            del self._undecided[call]
            yield call
