"""A listen server's metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """The metrics, in their own registry, so that two servers in one process do not mix theirs."""

    def __init__(self, open_sessions: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        Gauge("listen_sessions_open", "Connections now", registry=registry).set_function(open_sessions)
        self.sessions = Counter("listen_sessions", "Connections accepted", registry=registry)
        self.refused = Counter("listen_refused", "Connections refused, by reason", ["reason"], registry=registry)
        self.failed = Counter("listen_failed", "Connections ended by us, by reason", ["reason"], registry=registry)
        self.audio = Counter("listen_audio_seconds", "Audio received", registry=registry)
        self.step = Histogram(
            "listen_step_seconds", "One piece of the engine's work", buckets=STEP_BUCKETS, registry=registry
        )
        self.waiting = Gauge("listen_waiting_seconds", "Audio that waits for the engine", registry=registry)
        self._held = Gauge("listen_engine_held", "Places taken, by the engine's stores", ["store"], registry=registry)

    def held(self, stores: dict[str, int]) -> None:
        """Records what the engine's stores hold now."""
        for store, count in stores.items():
            self._held.labels(store).set(count)

    def text(self) -> bytes:
        """Returns the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
