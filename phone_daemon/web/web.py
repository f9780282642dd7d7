"""What the parts of the web process share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phone_daemon.settings.settings import Settings
from phone_daemon.web.audit import Audit
from phone_daemon.web.auth import Tokens
from phone_daemon.web.desk import Desk
from phone_daemon.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Web:
    settings: Settings
    desk: Desk
    tokens: Tokens
    audit: Audit
    metrics: Metrics = field(default_factory=Metrics)
    health_port: int = 0

    def observe(self, note: Mapping[str, Any]) -> None:
        """A note of any call of the daemon."""
        self.metrics.notes.inc()
