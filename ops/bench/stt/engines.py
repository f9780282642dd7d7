"""What one step costs: the same weights in NeMo and, exported, in sherpa-onnx; one thread each."""

from __future__ import annotations

import asyncio

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import bare_steps
from ops.report.stats import quantiles

TARGETS = {1: 0.30, 32: 0.60}
"""For each number of streams, the allowed ratio of sherpa's step to NeMo's."""


async def measure(progress: Progress) -> list[Figure]:
    """Median steps of 160 ms with 1, 8, and 32 streams."""
    audio = models.callers()
    options: dict[str, dict[str, object]] = {
        "nemo": {"model": str(await asyncio.to_thread(models.streaming)), "chunk_ms": models.CHUNK_MS},
        "sherpa": {"model": str(await asyncio.to_thread(models.exported))},
    }
    steps: dict[str, dict[int, float]] = {}
    figures = []
    for place, (engine, told) in enumerate(options.items()):
        progress(place / len(options))
        found = await asyncio.to_thread(bare_steps, engine, {**told, "max_sessions": 64}, audio, "1,8,32")
        steps[engine] = {int(count): quantiles(took)["p50"] for count, took in found["steps_ms"].items()}
        figures.append(Figure(f"{engine}: batched text that differs", float(not found["batched_as_alone"]), "", 0))
    for count, nemo_ms in steps["nemo"].items():
        sherpa_ms = steps["sherpa"][count]
        note = f"{sherpa_ms:.1f} against {nemo_ms:.1f} ms (p50)"
        figures.append(
            Figure(f"sherpa's step / NeMo's, {count} streams", sherpa_ms / nemo_ms, "×", TARGETS.get(count), note)
        )
    return figures
