"""How many callers one engine serves at once in one batch, compared with a server that steps them one by one."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import Sidecar, SidecarFailed, bare_steps, environ, python_of
from ops.bench.stt.stream import Streams
from ops.live.processes import last_line
from ops.report.stats import quantiles

CHUNK_S = models.CHUNK_MS / 1e3
P95_S = CHUNK_S
"""If a partial takes longer than the next chunk's audio, the engine is falling behind."""
SECONDS = 6.0
COUNTS = (2, 4, 6, 8, 12, 16, 24, 32, 40, 48, 64, 80, 96)
ROOM = 2.0
"""Chunks of audio per stream that may still wait for the engine when the streams end."""
STEP_STREAMS, MANY_STREAMS = 8, 64


async def measure(progress: Progress) -> list[Figure]:
    """Streams in real time, batched and one by one; a partial's way through the WebSocket next to the bare step."""
    model, audio = await asyncio.to_thread(models.streaming), models.callers()
    found: dict[str, tuple[int, float]] = {}
    partial_ms: list[float] = []
    for place, (name, more) in enumerate({"one by one": {"max_batch": 1}, "batched": {}}.items()):
        options = {"model": str(model), "chunk_ms": models.CHUNK_MS, "max_sessions": COUNTS[-1], **more}
        async with Sidecar("nemo", options) as server:
            if not more:
                partial_ms = [1e3 * took for took in await _partials(server, audio, STEP_STREAMS)]
            found[name] = await _most(server, audio, lambda part, place=place: progress((place + part) / 2))  # type: ignore[misc]
    bare = await asyncio.to_thread(
        bare_steps,
        "nemo",
        {"model": str(model), "chunk_ms": models.CHUNK_MS, "max_sessions": MANY_STREAMS},
        audio,
        f"{STEP_STREAMS},{MANY_STREAMS}",
    )
    step, many = (quantiles(bare["steps_ms"][str(count)]) for count in (STEP_STREAMS, MANY_STREAMS))
    made = await asyncio.to_thread(_operations, model, [1, MANY_STREAMS])
    through = quantiles(partial_ms)
    (alone, alone_s), (batched, batched_s) = found["one by one"], found["batched"]
    note = (
        f"{batched} streams (p95 {1e3 * batched_s:.0f} ms) against {alone} one by one (p95 {1e3 * alone_s:.0f} ms), "
        f"within {1e3 * P95_S:.0f} ms"
    )
    return [
        Figure("streams one by one / batched, same limit", alone / batched if batched else 1.0, "×", 0.25, note),
        Figure(
            f"chunk to partial through the WebSocket p50, {STEP_STREAMS} streams",
            through["p50"],
            "ms",
            1.15 * step["p50"] + 5,
            f"bare step of {STEP_STREAMS} p50 {step['p50']:.1f} ms, × 1.15 + 5",
        ),
        Figure("… p95", through["p95"], "ms", 1.15 * step["p95"] + 5, f"bare p95 {step['p95']:.1f} ms, likewise"),
        Figure("batched text that differs from unbatched", float(not bare["batched_as_alone"]), "", 0),
        Figure(
            f"bare step of {MANY_STREAMS} streams p50",
            many["p50"],
            "ms",
            None,
            f"p95 {many['p95']:.1f} ms; {many['p50'] / MANY_STREAMS:.2f} ms a stream, with {STEP_STREAMS} streams "
            f"{step['p50'] / STEP_STREAMS:.2f}",
        ),
        Figure(
            "operations that a step gains by a stream",
            (made[MANY_STREAMS] - made[1]) / (MANY_STREAMS - 1),
            "",
            2.0,
            f"{made[1]:.0f} with one stream, {made[MANY_STREAMS]:.0f} with {MANY_STREAMS}; views count",
        ),
    ]


def _operations(model: Path, counts: list[int]) -> dict[int, float]:
    """Operations in a step, including views, by number of streams (`ops.bench.stt.launches`)."""
    words = [str(model), "--streams", ",".join(map(str, counts)), "--chunk-ms", str(models.CHUNK_MS)]
    ran = subprocess.run(
        [python_of("nemo"), "-W", "ignore", "-m", "ops.bench.stt.launches", *words],
        capture_output=True,
        text=True,
        env=environ(),
        check=False,
    )
    if ran.returncode:
        raise SidecarFailed(f"launches: {last_line(ran.stderr) or 'it ended without output'}")
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    return {count: sum(told[str(count)].values()) for count in counts}


async def _partials(server: Sidecar, audio: bytes, count: int) -> list[float]:
    async with Streams(server.url, CHUNK_S) as streams:
        return [took for stream in await streams.speaking(audio, count, 3 * SECONDS) for took in stream.took_s]


async def _most(server: Sidecar, audio: bytes, progress: Progress) -> tuple[int, float]:
    """The highest of `COUNTS` that keeps up, and its p95; one that does not gets a second try."""
    best = (0, 0.0)
    for place, count in enumerate(COUNTS):
        progress(place / len(COUNTS))
        p95 = await _kept_up(server, audio, count)
        if p95 is None:
            p95 = await _kept_up(server, audio, count)
        if p95 is None:
            break
        best = count, p95
    return best


async def _kept_up(server: Sidecar, audio: bytes, count: int) -> float | None:
    """The p95 of its partials, in seconds; None if the engine fell behind."""
    async with Streams(server.url, CHUNK_S) as streams:
        spoke = await streams.speaking(audio, count, SECONDS)
        waiting = (await server.sessions())["bytes"]["waiting"]
    while any((await server.held()).values()):  # noqa: ASYNC110 (HTTP)
        await asyncio.sleep(0.05)
    took = [each for stream in spoke for each in stream.took_s]
    # Callers in whose few seconds the model recognizes nothing have no partials; the backlog covers them.
    p95 = quantiles(took)["p95"] if took else 0.0
    return None if p95 > P95_S or waiting > ROOM * count * CHUNK_S * 2 * 16000 else p95
