"""Remembers for a while what names resolved to: carriers move, and many return only some of their addresses at a time.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from phone_daemon.wire.srv import Target

LOOK_AGAIN_S = 30.0
"""How often names are looked up again. The system's resolver keeps an answer for as long as its TTL says."""
LEFT_S = 75.0
"""A target that is missing from the answers for this long (two or three answers) is no longer in use."""
TRUSTED_S = 600.0
"""Its calls are still taken for this long, because answers may rotate among more addresses than each contains."""


class ResolvedNames:
    """The targets of one trunk's names. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._seen: dict[Target, float] = {}

    def take(self, targets: Iterable[Target], now: float) -> None:
        """Takes `targets`, which the names have just resolved to."""
        self._seen.update(dict.fromkeys(targets, now))
        self._seen = {target: at for target, at in self._seen.items() if now - at <= TRUSTED_S}

    @property
    def known(self) -> frozenset[Target]:
        """Every target whose calls belong to the trunk."""
        return frozenset(self._seen)

    def has_left(self, route: str, now: float) -> bool:
        """Whether the names no longer lead to `route` (`address:port`)."""
        return all(str(target) != route or now - at > LEFT_S for target, at in self._seen.items())
