"""Decides which calls are refused: those that come in too fast, and those from the edge that the daemon does not answer
in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from phone_daemon.wire.line_card.admission import NAMED
from phone_daemon.wire.line_card.message import SipMessage

NEW_CALLS_A_SECOND = 20
"""pjsua2 aborts at some 60 calls a second, because its 64 I/O handles are closed half a second late."""
HELD_BACK_S = 0.25
DECISION_S = 1.5
"""After 1.8 s the edge passes a call to the next card. A daemon that is behind would still answer it, although nobody
is there: on a busy machine each call then occupied every card, and no card had room for the next one.
"""


class CallRate:
    """Times (`now`) are those of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=NEW_CALLS_A_SECOND)
        self._held_back: deque[tuple[float, int]] = deque()
        self._undecided: dict[int, float] = {}

    def holds_back(self, call: int, now: float) -> bool:
        """Counts an incoming call. Returns whether it is one too many; `due` will return it."""
        crowded = len(self._arrivals) == NEW_CALLS_A_SECOND and now - self._arrivals[0] < 1.0
        self._arrivals.append(now)
        if crowded:
            self._held_back.append((now + HELD_BACK_S, call))
        return crowded

    def offered(self, call: int, invite: SipMessage, now: float) -> None:
        """The daemon has been notified of a call. If it comes from the edge, `due` returns it unless it is `decided` in
        time."""
        if invite.header(NAMED):
            self._undecided[call] = now + DECISION_S

    def decided(self, call: int) -> None:
        """The daemon has answered or refused a call, or the call is over."""
        self._undecided.pop(call, None)

    def due(self, now: float) -> Iterator[int]:
        """The calls to refuse now; each is returned once."""
        while self._held_back and self._held_back[0][0] <= now:
            yield self._held_back.popleft()[1]
        late = [call for call, limit in self._undecided.items() if limit <= now]
        for call in late:
            del self._undecided[call]
            yield call
