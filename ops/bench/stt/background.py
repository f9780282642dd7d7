"""A call's cancel chain while the same engine serves other callers: live SIP calls, recognized in a sidecar."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import Sidecar, bare_steps
from ops.bench.stt.stream import Streams
from ops.live.burst import Tally, burst
from ops.live.daemon_process import DaemonProcess
from ops.report.stats import quantiles

OTHERS = 8


async def measure(progress: Progress, count: int = 100) -> list[Figure]:
    """Makes `count` barge-ins with nobody else on the line, and as many next to eight callers who talk without end."""
    model, audio = await asyncio.to_thread(models.streaming), models.callers()
    options = {"model": str(model), "chunk_ms": models.CHUNK_MS, "max_sessions": 2 * OTHERS + 8}
    async with Sidecar("nemo", options) as server, Streams(server.url, models.CHUNK_MS / 1e3) as streams:
        alone = await _burst(server, count, lambda part: progress(part / 2))
        async with streams.background(audio, OTHERS):
            beside = await _burst(server, count, lambda part: progress(0.5 + part / 2))
    bare = await asyncio.to_thread(
        bare_steps,
        *("nemo", {"model": str(model), "chunk_ms": models.CHUNK_MS}),
        audio,
        f"{OTHERS + 1}",
    )
    step = quantiles(bare["steps_ms"][str(OTHERS + 1)])["p95"]
    idle, busy = (quantiles(tally.legs["total"]) for tally in (alone, beside))
    freed = quantiles(beside.legs["stt_cache_freed"])
    return [
        Figure(
            f"cancel chain total p95 beside {OTHERS} other callers",
            busy["p95"],
            "ms",
            idle["p95"] + step,
            f"{beside.count} barge-ins; alone p95 {idle['p95']:.1f} ms, one step of {OTHERS + 1} p95 {step:.1f} ms",
        ),
        Figure("of which stt_cache_freed p95", freed["p95"], "ms", None, "every slot map of the old utterance"),
        Figure("stale frames", alone.stale_frames + beside.stale_frames, "", 0),
        Figure("legs that missed their deadline", alone.missed + beside.missed, "", 0),
    ]


async def _burst(server: Sidecar, count: int, progress: Progress) -> Tally:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stt = {"host": "listen", "url": server.url, "fallback": ""}
        async with DaemonProcess(Path(folder), {"stt": stt}) as daemon:
            tally = await burst(daemon.uri(), daemon.state, count, 1, lambda done: progress(done / count))
    if not tally.count:
        raise RuntimeError("; ".join(tally.problems) or "no barge-in happened")
    return tally
