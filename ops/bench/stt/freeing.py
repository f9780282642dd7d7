"""What an interruption or a vanished client leaves in the engine (nothing), and how soon it is freed."""

from __future__ import annotations

import asyncio

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import Sidecar, bare_steps
from ops.bench.stt.stream import Stream, Streams, turned
from ops.report.stats import quantiles

CHUNK_S = models.CHUNK_MS / 1e3
STREAMS = 24
SPOKEN_S = 0.4
"""Spoken before an interruption: by then, some chunks are in the engine's caches."""
TOGETHER = 8
FREE_S = 10.0


async def measure(progress: Progress, barge_ins: int = 100, kills: int = 200) -> list[Figure]:
    """Cancels next to the given number of other streams; then barge-ins and killed clients, and what is left of
    them.
    """
    model, audio = await asyncio.to_thread(models.streaming), models.callers()
    options = {"model": str(model), "chunk_ms": models.CHUNK_MS, "max_sessions": 2 * STREAMS}
    async with Sidecar("nemo", options) as server, Streams(server.url, CHUNK_S) as streams:
        took, not_free = await _cancels(server, streams, audio, barge_ins, lambda part: progress(part / 2))
        await _free(server)
        await _kills(server, streams, audio, kills // 2)  # memory that a process takes once and keeps is not a leak
        empty, before = await server.held(), server.cost.rss_bytes
        await _kills(server, streams, audio, kills, lambda part: progress(0.5 + part / 2))
        left = {store: count - empty[store] for store, count in (await server.held()).items()}
        grown = (server.cost.rss_bytes - before) / 1e6
    bare = await asyncio.to_thread(
        bare_steps, "nemo", {"model": str(model), "chunk_ms": models.CHUNK_MS}, audio, f"{STREAMS}"
    )
    step, cancel = quantiles(bare["steps_ms"][str(STREAMS)]), quantiles(took)
    return [
        Figure(
            f"Cancel to every slot map free p95, {STREAMS} streams",
            cancel["p95"],
            "ms",
            step["p95"] + 5,
            f"{len(took)} cancels, p50 {cancel['p50']:.1f}; one bare step of {STREAMS} p95 {step['p95']:.1f} ms, + 5",
        ),
        Figure("cancels after which a slot was still taken", not_free, "", 0, f"of {len(took)}"),
        Figure(
            f"places left by {kills} killed clients",
            sum(map(abs, left.values())),
            "",
            0,
            ", ".join(f"{store} {count:+d}" for store, count in left.items()),
        ),
        Figure("memory they left", grown, "MB", 1.0, f"after {kills // 2} that are not counted"),
    ]


async def _cancels(
    server: Sidecar, streams: Streams, audio: bytes, count: int, progress: Progress
) -> tuple[list[float], int]:
    """Milliseconds of each cancel, and after how many of them the stores held more than the other streams' data."""
    took, not_free = [], 0
    async with streams.background(audio, STREAMS - 1):
        one = await streams.open()
        for number in range(count):
            progress(number / count)
            await one.speak(turned(audio, number, count), SPOKEN_S)
            seconds, held = await one.cancel()
            took.append(1e3 * seconds)
            not_free += any(places > STREAMS - 1 for places in held.values())
        await one.close()
    return took, not_free


async def _kills(
    server: Sidecar, streams: Streams, audio: bytes, count: int, progress: Progress = lambda part: None
) -> None:
    """Clients that speak and vanish, several at a time."""
    for done in range(0, count, TOGETHER):
        progress(done / count)
        some: list[Stream] = [await streams.open() for _ in range(min(TOGETHER, count - done))]
        await asyncio.gather(
            *(stream.speak(turned(audio, done + index, count), SPOKEN_S) for index, stream in enumerate(some))
        )
        for stream in some:
            stream.kill()
        await _free(server)


async def _free(server: Sidecar) -> None:
    """Waits until the engine holds nothing. Raises `TimeoutError`."""
    async with asyncio.timeout(FREE_S):
        while any((await server.held()).values()):  # noqa: ASYNC110 (HTTP)
            await asyncio.sleep(0.02)
