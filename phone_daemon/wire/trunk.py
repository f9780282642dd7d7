"""One trunk, and what is known of it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum

from phone_daemon.settings.trunks import TrunkSettings, is_network
from phone_daemon.wire.followed import Followed


class Standing(StrEnum):
    """How a trunk is."""

    TRYING = "trying"
    REGISTERED = "registered"
    REFUSED = "refused"
    """The registrar does not take the account."""
    UNREACHABLE = "unreachable"
    READY = "ready"
    """It needs no registration."""
    LEFT = "left"
    """The registration was taken back."""


UP = (Standing.REGISTERED, Standing.READY)
"""How a trunk is that takes calls."""


@dataclass(slots=True)
class Trunk:
    """One trunk, and how it is."""

    settings: TrunkSettings
    standing: Standing = Standing.READY
    detail: str = ""
    """What is wrong, in the registrar's own words where it has any."""
    registrar: str = ""
    """The one that was asked last."""
    route: str = ""
    """Where requests are sent: `address:port`; empty: not known yet."""
    expires_s: int = 0
    attempts: int = 0
    """Times that it was to be registered."""
    failures: int = 0
    """… and was not."""
    calls: int = 0
    """Live ones, both ways."""
    since: float = field(default_factory=time.time)
    """When it came to stand so (UTC, seconds)."""
    peers: Followed = field(default_factory=Followed)
    """Its registrars and its proxy: their requests come from there."""
    sources: Followed = field(default_factory=Followed)
    """What the names among its `addresses` were looked up as."""
    line: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks that it sends from."""
        found = sorted({target.address for target in self.sources.known})
        return (*filter(is_network, self.settings.addresses), *found)

    @property
    def good(self) -> bool:
        return self.standing in UP

    @property
    def has_room(self) -> bool:
        return not self.settings.max_calls or self.calls < self.settings.max_calls

    def shown(self) -> dict[str, object]:
        """For `phone-ops trunks`; no secret is in it."""
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
