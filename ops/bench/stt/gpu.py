"""The shape of the released 0.6 B models, with random weights, on a GPU: where there is one."""

from __future__ import annotations

import asyncio
import shutil

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import Sidecar, bare_steps
from ops.bench.stt.stream import Streams
from ops.report.stats import quantiles

CHUNKS_MS = (80, 160, 560, 1120)
STREAMS = (1, 16, 64, 128, 256)


async def measure(progress: Progress) -> list[Figure]:
    """Step times, the streams that they sustain, and what a final costs; without a GPU: that there is none."""
    if shutil.which("nvidia-smi") is None:
        return [Figure("0.6 B shape on a GPU", None, note="not measured: there is no GPU here")]
    model, audio = await asyncio.to_thread(models.released_shape), models.callers()
    figures = []
    for place, chunk_ms in enumerate(CHUNKS_MS):
        progress(place / len(CHUNKS_MS))
        options = {"model": str(model), "chunk_ms": chunk_ms, "max_sessions": STREAMS[-1], "device": "cuda"}
        counts = ",".join(map(str, STREAMS))
        found = await asyncio.to_thread(bare_steps, "nemo", options, audio, counts)
        steps = {int(count): quantiles(took)["p95"] for count, took in found["steps_ms"].items()}
        sustained = max((count for count, ms in steps.items() if ms <= chunk_ms), default=0)
        told = ", ".join(f"{count}: {ms:.1f}" for count, ms in steps.items())
        figures.append(
            Figure(
                f"streams sustained, {chunk_ms} ms chunks", sustained, "", None, f"step p95 in ms by streams: {told}"
            )
        )
    async with (
        Sidecar("nemo", {"model": str(model), "chunk_ms": models.CHUNK_MS}) as server,
        Streams(server.url, models.CHUNK_MS / 1e3) as streams,
    ):
        one, took = await streams.open(), []
        for _ in range(20):
            await one.speak(audio, 2.0)
            took.append(1e3 * await one.finalize())
    figures.append(Figure("finalize p50", quantiles(took)["p50"], "ms", None, "random weights, 0.6 B shape"))
    return figures
