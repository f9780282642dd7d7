"""What the web process counts about itself, for Prometheus (`/metrics`)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.calls = Counter("phone_web_calls", "calls from the web, by how they came", ["leg"], registry=registry)
        self.live = Gauge("phone_web_calls_live", "calls from the web in progress", registry=registry)
        self.watchers = Gauge("phone_web_event_streams", "clients that follow /v1/events", registry=registry)
        self.notes = Counter("phone_web_notes", "notes of calls that the daemon told", registry=registry)
        self.webhooks = Counter(
            "phone_web_webhooks", "messages to webhooks, by outcome", ["outcome"], registry=registry
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)
