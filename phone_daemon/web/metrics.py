"""What the web process counts about itself, for Prometheus (`/metrics`)."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from phone_daemon.web.api_models import Machine
from phone_daemon.wire.trunk import UP


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

        host, process = ["host", "daemon"], ["host", "daemon", "process"]
        self._machine = {
            "cpu_percent": Gauge("phone_host_cpu_percent", "CPU in use, of all cores", host, registry=registry),
            "load": Gauge("phone_host_load", "load average of the last minute", host, registry=registry),
            "memory_bytes": Gauge("phone_host_memory_used_bytes", "memory in use", host, registry=registry),
            "memory_total_bytes": Gauge("phone_host_memory_bytes", "memory", host, registry=registry),
            "disk_free_bytes": Gauge("phone_host_disk_free_bytes", "free for recordings", host, registry=registry),
            "calls": Gauge("phone_calls_live", "live calls of a daemon", host, registry=registry),
        }
        self._cpu = Gauge("phone_process_cpu_percent", "CPU in use, of one core", process, registry=registry)
        self._rss = Gauge("phone_process_rss_bytes", "resident memory", process, registry=registry)
        self._trunk = Gauge("phone_trunk_up", "1 if the trunk takes calls", ["daemon", "trunk"], registry=registry)

    def show(self, machines: Iterable[Machine]) -> None:
        """Replaces what was known of all machines."""
        for gauge in (*self._machine.values(), self._cpu, self._rss, self._trunk):
            gauge.clear()
        for machine in machines:
            for name, gauge in self._machine.items():
                gauge.labels(machine.host, machine.daemon).set(getattr(machine, name))
            for process in machine.processes:
                self._cpu.labels(machine.host, machine.daemon, process.name).set(process.cpu_percent)
                self._rss.labels(machine.host, machine.daemon, process.name).set(process.rss_bytes)
            for trunk in machine.trunks:
                self._trunk.labels(machine.daemon, trunk.trunk).set(trunk.state in UP)

    def text(self) -> bytes:
        return generate_latest(self.registry)
