"""What the parts of the web process share."""

from __future__ import annotations

from dataclasses import dataclass, field

from phone_daemon.settings.settings import Settings
from phone_daemon.web.audit import Audit
from phone_daemon.web.auth import Tokens
from phone_daemon.web.call_store import CallStore
from phone_daemon.web.desk import Desk
from phone_daemon.web.event_feed import EventFeed
from phone_daemon.web.machine_history import MachineHistory
from phone_daemon.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Web:
    settings: Settings
    desk: Desk
    tokens: Tokens
    audit: Audit
    store: CallStore
    feed: EventFeed
    machines: MachineHistory
    metrics: Metrics = field(default_factory=Metrics)
    health_port: int = 0
