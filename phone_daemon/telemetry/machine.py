"""What a machine and the daemon's processes on it use: CPU, memory, disk. Every daemon shows it in Redis, where the web
processes of all machines find it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from sidecars.log import Event

log = logging.getLogger(__name__)

PARTS = {
    "phone_daemon.wire.line_card": "line card",
    "phone_daemon.web": "web",
}
"""Names for people, by the module that a process runs."""
ENGINE = "sidecars.local.child"


PASSED_ON = ConfigDict(extra="allow", json_schema_serialization_defaults_required=True, use_attribute_docstrings=True)
"""The web process reads and returns what daemons of other versions show. Unknown fields are passed on, and known fields
are always present."""


class ProcessUse(BaseModel):
    """A process of the daemon, or several of one kind together."""

    model_config = PASSED_ON

    name: str
    """daemon, line card, web, redis, or an engine's name."""
    count: int = 1
    cpu_percent: float = 0.0
    """Percentage of one core since the previous sample; 0 in the first."""
    rss_bytes: int = 0


class MachineUse(BaseModel):
    """What a machine uses now."""

    model_config = PASSED_ON

    cpu_percent: float = 0.0
    """Percentage of all cores since the previous sample; 0 in the first."""
    cores: int = 0
    load: float = 0.0
    """The load average over the last minute: processes that ran or were ready to."""
    memory_bytes: int = 0
    """Memory in use, and so not available to other programs."""
    memory_total_bytes: int = 0
    disk_free_bytes: int = 0
    """Free space on the disk that holds the recordings."""
    disk_total_bytes: int = 0
    processes: list[ProcessUse] = []


class Machine:
    """Samples this process, its children, and its machine. Not for the event loop: a sample takes some milliseconds."""

    def __init__(self, directory: Path) -> None:
        """`directory`: where recordings are kept, or will be."""
        self._directory = directory
        self._known: dict[int, psutil.Process] = {}

    def sample(self) -> MachineUse:
        """Call it at regular intervals; CPU is counted from one call to the next. Raises `psutil.Error` and
        `OSError`."""
        memory = psutil.virtual_memory()
        there = self._directory
        while not there.exists() and there != there.parent:
            there = there.parent
        disk = psutil.disk_usage(str(there))
        return MachineUse(
            cpu_percent=psutil.cpu_percent(),
            cores=os.cpu_count() or 1,
            load=round(os.getloadavg()[0], 2),
            memory_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            processes=self._processes(),
        )

    def _processes(self) -> list[ProcessUse]:
        me = psutil.Process()
        there = {process.pid: process for process in (me, *me.children(recursive=True))}
        # CPU is counted by the object that was asked before.
        self._known = {pid: self._known.get(pid, process) for pid, process in there.items()}
        found: dict[str, list[tuple[float, int]]] = {}
        for pid, process in self._known.items():
            with contextlib.suppress(psutil.Error), process.oneshot():
                name = "daemon" if pid == me.pid else name_of(process.cmdline())
                found.setdefault(name, []).append((process.cpu_percent(), process.memory_info().rss))
        return [
            ProcessUse(
                name=name,
                count=len(each),
                cpu_percent=round(sum(cpu for cpu, _ in each), 1),
                rss_bytes=sum(rss for _, rss in each),
            )
            for name, each in found.items()
        ]


def name_of(command: list[str]) -> str:
    """What people call the process with this command line."""
    module = command[command.index("-m") + 1] if "-m" in command[:-1] else ""
    if module == ENGINE and "--engine" in command[:-1]:
        return command[command.index("--engine") + 1]
    if module:
        return PARTS.get(module, module)
    # Redis shows its address behind its path.
    return Path(command[0].split(" ", 1)[0]).name.removesuffix("-server") if command else "ended"


async def keep_shown(
    shown: dict[str, str], directory: Path, trunks: Callable[[], list[dict[str, object]]], every_s: float
) -> None:
    """Keeps `machine` and `trunks` (JSON) in `shown` up to date, until cancelled."""
    machine = Machine(directory)
    while True:
        try:
            shown["machine"] = (await asyncio.to_thread(machine.sample)).model_dump_json()
        except (OSError, psutil.Error) as error:
            log.warning(Event("machine.not_sampled", reason=error))
        shown["trunks"] = json.dumps(trunks())
        await asyncio.sleep(every_s)
