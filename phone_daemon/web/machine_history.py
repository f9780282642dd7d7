"""Every daemon and its machine, as they show themselves in Redis, and how that was during the last half hour."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping

from pydantic import ValidationError

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.web.api_models import Machine, MachinePast, ProcessPast

EVERY_S = 5.0
KEPT = 360
"""Samples: half an hour."""


class MachineHistory:
    """`run` samples; `now` returns what is known."""

    def __init__(self, settings: StateSettings) -> None:
        self._settings = settings
        self._now: dict[str, Machine] = {}
        self._past: dict[str, deque[MachinePast]] = {}
        self.problem = "Redis is switched off ([state] url)" if settings.url == "off" else "not asked yet"
        """Why nothing is known; empty if something is."""

    def now(self) -> list[Machine]:
        """All daemons that are there, by host, each with its past."""
        found = sorted(self._now.values(), key=lambda machine: (machine.host, machine.daemon))
        return [machine.model_copy(update={"past": list(self._past[machine.daemon])}) for machine in found]

    async def run(self) -> None:
        """Runs until cancelled."""
        if self._settings.url == "off":
            return
        while True:
            await self.ask()
            await asyncio.sleep(EVERY_S)

    async def ask(self) -> None:
        """Takes one sample."""
        try:
            async with Commands(self._settings) as commands:
                shown = await commands.daemons()
        except CommandFailed as error:
            self._now, self.problem = {}, str(error)
            return
        self._now, self.problem = {id: machine_of(id, fields) for id, fields in shown.items()}, ""
        self._past = {id: self._past.get(id, deque(maxlen=KEPT)) for id in self._now}
        at = round(time.time(), 1)
        for id, machine in self._now.items():
            used = {
                process.name: ProcessPast(cpu_percent=process.cpu_percent, rss_bytes=process.rss_bytes)
                for process in machine.processes
            }
            past = MachinePast(
                at=at,
                calls=machine.calls,
                cpu_percent=machine.cpu_percent,
                memory_bytes=machine.memory_bytes,
                processes=used,
            )
            self._past[id].append(past)


def machine_of(id: str, shown: Mapping[str, str]) -> Machine:
    """A daemon's hash in Redis as a machine; what cannot be read of it is left out."""
    about = {"daemon": id, "host": shown.get("host", ""), "pid": shown.get("pid", 0), "calls": shown.get("calls", 0)}
    try:
        use = json.loads(shown.get("machine", "{}"))
        return Machine.model_validate({**use, "trunks": json.loads(shown.get("trunks", "[]")), **about})
    except (ValueError, TypeError, ValidationError):
        return Machine(daemon=id, host=str(about["host"]))
