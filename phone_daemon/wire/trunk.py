"""One trunk and its state."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum

from phone_daemon.settings.trunks import TrunkSettings, is_network
from phone_daemon.wire.resolved_names import ResolvedNames


class Standing(StrEnum):
    """The state of a trunk."""

    TRYING = "trying"
    REGISTERED = "registered"
    REFUSED = "refused"
    """The registrar rejects the account."""
    UNREACHABLE = "unreachable"
    READY = "ready"
    """It needs no registration."""
    LEFT = "left"
    """The registration was removed."""


UP = (Standing.REGISTERED, Standing.READY)
"""The states in which a trunk takes calls."""


@dataclass(slots=True)
class Trunk:
    """A trunk and its state."""

    settings: TrunkSettings
    standing: Standing = Standing.READY
    detail: str = ""
    """What is wrong, in the registrar's own words if there are any."""
    registrar: str = ""
    """The registrar that was asked last."""
    route: str = ""
    """Where requests are sent: `address:port`; empty if it is not known yet."""
    expires_s: int = 0
    attempts: int = 0
    """How many times a registration was attempted."""
    failures: int = 0
    """How many of these attempts failed."""
    calls: int = 0
    """Live calls in both directions."""
    since: float = field(default_factory=time.time)
    """When it entered this state (UTC, seconds)."""
    peers: ResolvedNames = field(default_factory=ResolvedNames)
    """The addresses of its registrars and its proxy, from which its requests come."""
    sources: ResolvedNames = field(default_factory=ResolvedNames)
    """The results of looking up the names in its `addresses`."""
    line: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that it sends from."""
        found = sorted({target.address for target in self.sources.known})
        return (*filter(is_network, self.settings.addresses), *found)

    @property
    def good(self) -> bool:
        return self.standing in UP

    @property
    def has_room(self) -> bool:
        return not self.settings.max_calls or self.calls < self.settings.max_calls

    def shown(self) -> dict[str, object]:
        """The state for `phone-ops trunks`, without secrets."""
        return {
            "trunk": self.settings.name,
            "state": str(self.standing),
            "detail": self.detail,
            "user": self.settings.register.user if self.settings.register else "",
            "registrar": self.registrar,
            "route": self.route,
            "expires_s": self.expires_s,
            "calls": self.calls,
            "max_calls": self.settings.max_calls,
            "attempts": self.attempts,
            "failures": self.failures,
            "since": round(self.since, 3),
        }
