"""The system under test: two daemons with a line card each, Redis, and the edge in front of them, all on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ops.chaos.size import SMALL, Size
from ops.edge.check import PORTS_A_CALL
from ops.edge.plan import CALLS_A_CARD, Plan, plan_of
from ops.edge.render import render
from ops.edge.status import ask
from ops.edge.supervisor import Supervisor
from ops.live.daemon_process import DaemonProcess
from ops.live.ports import RTP_BLOCK, free_block, rtp_ports
from ops.witness.probe import Probe, until
from ops.witness.rtp import Packet
from phone_daemon.settings.load import load_settings

ROOT = Path(__file__).parents[2]
SAID = ROOT / "fixtures/calls/books_an_appointment"
WORD = "appointment"
"""What must be recognized of it."""
DAEMONS = 2
RTP_TIMEOUT_S = 3.0
START_S = 120.0
SILENT_S = 1.0
"""After this much silence the agent has finished its sentence."""


@dataclass
class World:
    """Everything that can be killed, and the means to make calls."""

    daemon: DaemonProcess
    plan: Plan
    edge: Supervisor
    said: bytes
    size: Size = SMALL

    def probe(self, **options: Any) -> Probe:
        """A caller of the edge."""
        return Probe(f"sip:100@127.0.0.1:{self.plan.edge.port}", **options)

    def pids(self, *pieces: str) -> list[int]:
        """Descendants of the daemons whose command line contains every piece, oldest first."""
        found: list[psutil.Process] = []
        for process in psutil.Process(self.daemon.pid).children(recursive=True):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if all(piece in line for piece in pieces):
                found.append(process)
        return [process.pid for process in sorted(found, key=lambda process: process.create_time())]

    async def healthy(self, seconds: float = 60.0) -> bool:
        """Whether, within this long, the edge considers every line card available and no call is left."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    status = await ask(self.plan)
                    if status.media and all(card.up for card in status.cards):
                        return True
                    await asyncio.sleep(0.2)
        except Exception:
            return False

    async def spoken(self, probe: Probe, timeout: float = 25.0) -> None:
        """Waits until the agent has said something, and has then been silent for a while. Raises `TimeoutError`."""
        start = len(probe.rtp.packets)
        await until(lambda: any(not packet.silent for packet in probe.rtp.packets[start:]), timeout)
        quiet = round(SILENT_S / 0.02)
        await until(lambda: all(packet.silent for packet in probe.rtp.packets[-quiet:]), timeout)

    async def ask_for_appointment(self, probe: Probe) -> str:
        """Says the sentence and waits for the reply; empty if none came."""
        try:
            await self.spoken(probe)
            await asyncio.to_thread(probe.rtp.play(self.said).done.wait, 20)
            await self.spoken(probe)
        except TimeoutError:
            return ""
        return "answered"

    def turns(self, since: Sequence[Path]) -> str:
        """Everything that callers said in calls that are not in `since`."""
        words: list[str] = []
        for folder in self.daemon.calls():
            file = folder / "turns.jsonl"
            if folder not in since and file.exists():
                words += [str(json.loads(line)["caller"]) for line in file.read_text().splitlines()]
        return " ".join(words).lower()


def gap_ms(packets: Sequence[Packet], quantile: float = 0.999) -> float:
    """A quantile of the time between two RTP packets."""
    at = np.array([packet.at_ns for packet in packets], dtype=np.int64)
    return float(np.quantile(np.diff(at), quantile)) / 1e6 if len(at) > 2 else float("inf")


def freeze(pids: Sequence[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def thaw(pids: Sequence[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue  # it was killed in the meantime, as intended


def behind_edge(folder: Path, daemons: int, cards: int, **sip: Any) -> dict[str, Any]:
    """Settings of that many daemons, each with that many line cards, and of an edge in front of them, on free ports."""
    places = daemons * cards
    first = free_block(places + 4 + daemons)
    return {
        "daemons": daemons,
        "health_port": first + places + 4,
        "sip": {"port": first, "cards": cards, **sip},
        "trunk": [{"name": "chaos", "addresses": ["127.0.0.1/32"]}],
        "edge": {
            "bind": "127.0.0.1",
            "port": first + places,
            "inner_port": first + places + 1,
            "control_port": first + places + 2,
            "redis_port": first + places + 3,
            **({"rtp_ports": rtp_ports()} if PORTS_A_CALL * CALLS_A_CARD * places <= RTP_BLOCK else {}),
            "retry_after_s": 7,
            "directory": str(folder / "edge"),
        },
    }


@asynccontextmanager
async def world(folder: Path, sections: dict[str, Any] | None = None) -> AsyncIterator[World]:
    """The daemons of `sections` (two with a line card each) and their edge. Raises `EdgeError` if Kamailio or rtpengine
    is missing, `DaemonFailed` if a daemon does not start.
    """
    sections = sections or behind_edge(folder, DAEMONS, 1, rtp_timeout_s=RTP_TIMEOUT_S)
    with wave.open(str(min(SAID.glob("*.wav")))) as file:
        said = file.readframes(file.getnframes())
    async with DaemonProcess(folder, sections, start_s=START_S) as daemon:
        plan = plan_of(load_settings(folder / "settings.toml", {}))
        render(plan)
        async with Supervisor(plan) as edge:
            made = World(daemon, plan, edge, said)
            if not await made.healthy(START_S):
                raise TimeoutError(f"not every line card came up within {START_S:g} s:\n{daemon.log()}")
            yield made
