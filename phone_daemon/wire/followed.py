"""What a name was looked up as, remembered for a while: carriers move, and many name some of their addresses at a time.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from phone_daemon.wire.srv import Target

LOOK_AGAIN_S = 30.0
"""How often names are looked up again. The system's resolver keeps an answer for as long as its TTL says."""
LEFT_S = 75.0
"""A target that is in no answer for so long, two or three of them, has been given up by whoever owns the name."""
TRUSTED_S = 600.0
"""… and for so long its calls are still taken: an answer may rotate among more addresses than it holds."""


class Followed:
    """The targets of one trunk's names. Times are a monotonic clock's seconds."""

    def __init__(self) -> None:
        self._seen: dict[Target, float] = {}

    def take(self, targets: Iterable[Target], now: float) -> None:
        """`targets` is what the names are looked up as."""
        self._seen.update(dict.fromkeys(targets, now))
        self._seen = {target: at for target, at in self._seen.items() if now - at <= TRUSTED_S}

    @property
    def known(self) -> frozenset[Target]:
        """Every target whose calls belong to the trunk."""
        return frozenset(self._seen)

    def has_left(self, route: str, now: float) -> bool:
        """Whether the names do not lead to `route` (`address:port`) any more."""
        return all(str(target) != route or now - at > LEFT_S for target, at in self._seen.items())
