"""The system under load: several daemons with their line cards, with or without the edge in front of them."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from ops.bench.figure import Figure
from ops.chaos.load import stub_engines
from ops.chaos.world import START_S, behind_edge, world
from ops.edge.plan import CALLS_A_CARD
from ops.live.daemon_process import DaemonProcess

Engines = Literal["stub", "embedded"]
Tell = Callable[[float, str], None]
"""Called with the fraction of a test that is done, 0 to 1, and a line about its state."""
PARTS = {
    "--kind stt": "STT engines",
    "--kind tts": "TTS engines",
    "line_card": "line cards",
    "redis-server": "Redis",
    "--block": "daemons",
    "kamailio": "Kamailio",
    "rtpengine": "rtpengine",
    "stub_engines": "stub engines",
}
"""Names of processes, by a piece of their command line."""
COMPLAINT = re.compile(r" (?:WARNING|ERROR|CRITICAL) +(\S+)")
CALLERS = "the callers of this test"


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the system under test."""

    daemons: int
    cards: int
    """Line cards per daemon."""
    engines: Engines
    edge: bool

    @property
    def places(self) -> int:
        """The most calls at a time."""
        return self.daemons * self.cards * CALLS_A_CARD

    @property
    def title(self) -> str:
        through = "through the edge" if self.edge else "to the line cards, without an edge"
        kind = "STUB engines: one sentence, one tone" if self.engines == "stub" else "embedded engines"
        return (
            f"{self.daemons} daemons, {self.daemons * self.cards} line cards, {kind}; calls {through}; "
            f"{os.cpu_count()} cores, which the callers share"
        )


@dataclass(frozen=True, slots=True)
class Use:
    """CPU seconds of every process at one moment, and bytes of memory, by part and process id."""

    at: float
    cpu_s: dict[str, dict[int, float]]
    rss: dict[str, int]


@dataclass
class Fleet:
    """Running daemons, and the numbers to call."""

    daemon: DaemonProcess
    ports: Iterator[int]
    """The number of the address for the next call."""
    pids: list[int] = field(default_factory=list)
    """Processes beside the daemons."""

    def uri(self) -> str:
        """The URI for the next call."""
        return f"sip:100@127.0.0.1:{next(self.ports)}"

    def use(self) -> Use:
        """What every process uses now."""
        cpu: dict[str, dict[int, float]] = defaultdict(dict)
        rss: dict[str, int] = defaultdict(int)
        for process in self._processes():
            try:
                line = " ".join(process.cmdline())
                part = next((part for piece, part in PARTS.items() if piece in line), "")
                if process.pid == os.getpid():
                    part = CALLERS
                if part:
                    times = process.cpu_times()
                    cpu[part][process.pid] = times.user + times.system
                    rss[part] += process.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
        return Use(asyncio.get_running_loop().time(), cpu, rss)

    def _processes(self) -> Iterator[psutil.Process]:
        yield psutil.Process()
        for pid in (self.daemon.pid, *self.pids):
            try:
                yield from (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
            except psutil.NoSuchProcess:
                continue

    def complaints(self) -> Figure:
        """Lines of the daemons' log that are warnings or worse."""
        kinds = Counter(COMPLAINT.findall(self.daemon.log()))
        note = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common(4))
        return Figure("warnings in the daemons' log", kinds.total(), "", None, note)


@asynccontextmanager
async def fleet(folder: Path, shape: Shape) -> AsyncIterator[Fleet]:
    """Raises `EdgeError` if the edge cannot be started, `DaemonFailed` or `TimeoutError` if a daemon cannot."""
    sections: dict[str, Any] = behind_edge(folder, shape.daemons, shape.cards)
    if not shape.edge:
        del sections["edge"], sections["trunk"]
        sections["sip"]["bind"] = "127.0.0.1"
    async with AsyncExitStack() as stack:
        pids: list[int] = []
        if shape.engines == "stub":
            pids.append(await stack.enter_async_context(stub_engines.stub_engines(folder)))
            sections |= stub_engines.settings(folder)
        if shape.edge:
            made = await stack.enter_async_context(world(folder, sections))
            port = itertools.repeat(made.plan.edge.port)
            yield Fleet(made.daemon, port, [*pids, *filter(None, made.edge.pids.values())])
            return
        daemon = await stack.enter_async_context(DaemonProcess(folder, sections, start_s=START_S))
        first = sections["sip"]["port"]
        cards = shape.daemons * shape.cards
        await _all_ready(daemon, shape.daemons)
        yield Fleet(daemon, itertools.cycle(range(first, first + cards)), pids)


async def _all_ready(daemon: DaemonProcess, count: int) -> None:
    """Waits for the daemons after the first, too. Raises `TimeoutError`."""
    async with asyncio.timeout(START_S):
        for block in range(count):
            while (await daemon.health("/healthz", block))[0] != 200:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)
