"""A thousand short calls, four at a time: anything that grows with the number of calls is a leak."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ops.bench.figure import Figure, Progress
from ops.bench.talk import side_by_side
from ops.bench.watched import STATS
from ops.live.daemon_process import DaemonProcess
from ops.live.processes import children, cost
from ops.witness.probe import Probe, until

LANES = 4
TALK_S = 2.0
SAMPLES = 40
"""How often the processes are sampled, evenly spread."""
WARM = 0.4
"""The fraction of the calls after which caches are full: what is allocated before then is not a leak."""
LIMITS = {"RSS": (8.0, "kB"), "descriptors": (0.005, ""), "conference ports": (0.0, ""), "child processes": (0.0, "")}
"""Allowed growth per call. Memory settles in steps of a megabyte over hundreds of calls, so the limit is not zero; two
seconds of one call's audio alone would be 32 kB.
"""


@dataclass(frozen=True, slots=True)
class Look:
    """The daemon and its line card between two calls."""

    calls: int
    values: dict[str, float]
    """Values by figure: RSS in kB."""


async def measure(progress: Progress, calls: int = 1000) -> list[Figure]:
    """Places `calls` calls of two seconds, and returns the slopes of their costs."""
    looks: list[Look] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with DaemonProcess(Path(folder), module="ops.bench.watched") as daemon:
            batch = max(LANES, calls // SAMPLES // LANES * LANES)
            looks.append(await _look(daemon, 0))
            while (done := looks[-1].calls) < calls:
                count = min(batch, calls - done)
                await side_by_side([partial(_call, daemon, failed)] * count, LANES, lambda part: None)
                looks.append(await _look(daemon, done + count))
                progress((done + count) / calls)
    counted = [look for look in looks if look.calls >= WARM * calls]
    figures = [
        Figure("calls that failed", len(failed), "", 0, f"of {calls}" + "".join(f"; {why}" for why in failed[:3]))
    ]
    for name in looks[0].values:
        limit, unit = next(limit for kind, limit in LIMITS.items() if kind in name)
        at, values = [look.calls for look in counted], [look.values[name] for look in counted]
        slope = float(np.polyfit(at, values, 1)[0]) if len(at) > 1 else 0.0
        note = f"{values[0]:.0f} after {at[0]} calls, {values[-1]:.0f} after {at[-1]}"
        figures.append(Figure(f"{name}, growth a call", round(slope, 5) + 0.0, f"{unit} a call".strip(), limit, note))
    return figures


async def _call(daemon: DaemonProcess, failed: list[str]) -> None:
    name = f"bench-{secrets.token_hex(4)}"
    try:
        async with Probe(daemon.uri(), caller=name) as probe:
            await probe.answered()
            await asyncio.sleep(TALK_S)
            if not probe.live:
                failed.append("the daemon hung up")
            elif all(packet.silent for packet in probe.rtp.packets):
                failed.append("the agent was not heard")
    except Exception as error:
        failed.append(f"{type(error).__name__} {error}")


async def _look(daemon: DaemonProcess, calls: int) -> Look:
    """Samples once every call has ended for the daemon, too, and its sockets have had time to close."""
    await daemon.idle()
    await asyncio.sleep(1.0)
    stats = daemon.directory / STATS
    stats.unlink(missing_ok=True)
    daemon.signal(signal.SIGUSR1)
    await until(stats.exists)
    (card,) = json.loads(stats.read_text())
    own = cost(daemon.pid)
    return Look(
        calls,
        {
            "daemon RSS": own.rss_bytes / 1e3,
            "daemon descriptors": own.descriptors,
            "child processes": len(children(daemon.pid)),
            "line card RSS": card["rss_bytes"] / 1e3,
            "line card descriptors": card["descriptors"],
            "line card conference ports": card["conf_ports"],
            **{
                f"{kind} engine RSS": cost(pid).rss_bytes / 1e3
                for pid, line in children(daemon.pid).items()
                for kind in ("stt", "tts")
                if f"--kind {kind}" in line
            },
        },
    )
