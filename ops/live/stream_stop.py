"""Whether a model server stops generating when its streams are closed, and how fast a close is.

That a client closed its connection does not prove that the server stopped. The evidence is, in this order:

- the server's own count of running requests: vLLM, llama.cpp, SGLang;
- the time to the next admission, if the server takes one stream after the other: a stream that continues unheard
  delays the next one until its end;
- its speed, if it takes many at once: streams that continue unheard slow down the next one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median

from ops.live.bare_model import BareModel, Running, Stream
from ops.report.stats import quantiles

STOP_S = 2.0
"""A server has not stopped if it still generates this long after a stream was closed, or for half of the remaining
length of the stream.
"""
CROWD = 16
"""Concurrent streams, enough to slow down one more."""
FELT = 1.5
"""If a stream takes this many times as long next to others as alone, they have slowed it down."""
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Release:
    """The result of closing many streams."""

    close_ms: list[float]
    """How long each close took at this end."""
    stopped: bool
    """Whether the server was seen to stop generating every time."""
    how: str
    """The evidence that it stopped, or why there is none."""


async def release(model: BareModel, streams: int) -> Release:
    """Opens `streams` streams one after the other, reads a few tokens of each, and closes them."""
    await model.short()  # A server that loads its model on the first request does so now.
    alone_s = median([await model.short() for _ in range(2 * ROUNDS)])
    rest_s = await model.rest()
    running = await model.running()
    if running is not None and (counted := await _by_count(model, streams, running, rest_s)) is not None:
        return counted
    stream, _ = await model.begin()
    beside_s = await model.short()
    await model.close(stream)
    by_time = _by_admission if beside_s - alone_s > rest_s / 2 else _by_speed
    return await by_time(model, streams, alone_s, rest_s)


async def _by_count(model: BareModel, streams: int, running: Running, rest_s: float) -> Release | None:
    """None if the server's count does not include a stream that is under way.

    Some servers update their count only while they work: then the next stream shows whether it is alone.
    """
    idle = await running()
    patience_s = min(STOP_S, rest_s / 2)
    close_ms: list[float] = []
    stop_ms: list[float] = []
    going, began = False, time.perf_counter()
    for number in range(streams + 1):
        stream, _ = await model.begin()
        shown = await running() - idle
        if going and shown < 2:
            stop_ms.append(1e3 * (time.perf_counter() - began))
            patience_s = 0.0
        took_ms = await model.close(stream)
        if shown < 1:
            return None
        if number == streams:
            break  # It was opened only to show whether the previous one had ended.
        close_ms.append(took_ms)
        began = time.perf_counter()
        while (going := await running() > idle) and time.perf_counter() - began < patience_s:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        if not going:
            stop_ms.append(1e3 * (time.perf_counter() - began))
    how = f"its own count of running requests: {_share(stop_ms, streams)}"
    return Release(close_ms, len(stop_ms) == streams, how)


async def _by_admission(model: BareModel, streams: int, alone_s: float, rest_s: float) -> Release:
    """For a server that takes one stream after the other: one that continues unheard delays the next one."""
    close_ms: list[float] = []
    stop_ms: list[float] = []
    stream, _ = await model.begin()
    for _ in range(streams):
        close_ms.append(await model.close(stream))
        stream, took_s = await model.begin()
        if took_s < alone_s + rest_s / 2:
            stop_ms.append(1e3 * took_s)
    await model.close(stream)
    how = (
        f"the next stream, for which it would wait {1e3 * rest_s:.0f} ms if this one went on, is under way: "
        f"{_share(stop_ms, streams)}"
    )
    return Release(close_ms, len(stop_ms) == streams, how)


async def _by_speed(model: BareModel, streams: int, alone_s: float, rest_s: float) -> Release:
    """For a server that takes many streams at once: several that continue unheard slow down the next one.

    Each round compares a stream that starts next to the others with one that starts after them, so that a machine that
    happens to be slow proves nothing.
    """
    close_ms: list[float] = []
    for _ in range(streams):
        stream, _ = await model.begin()
        close_ms.append(await model.close(stream))
    beside_ms: list[float] = []
    stop_ms: list[float] = []
    for _ in range(ROUNDS):
        crowd = await _crowd(model)
        beside_s = await model.short()
        await asyncio.gather(*map(model.close, crowd))
        if beside_s < FELT * alone_s:
            how = f"not proved: it has no count of its own, and one stream does not feel {CROWD} others"
            return Release(close_ms, False, how)
        beside_ms.append(1e3 * beside_s)
        limit_s = (alone_s * beside_s) ** 0.5
        began = time.perf_counter()
        while (slow := await model.short() > limit_s) and time.perf_counter() - began < min(STOP_S, rest_s / 2):
            pass
        if not slow:
            stop_ms.append(1e3 * (time.perf_counter() - began))
    how = (
        f"its speed: a stream that takes {1e3 * alone_s:.0f} ms alone and {median(beside_ms):.0f} beside {CROWD} "
        f"others has it back when they are closed: {_share(stop_ms, ROUNDS)}"
    )
    return Release(close_ms, len(stop_ms) == ROUNDS, how)


async def _crowd(model: BareModel) -> list[Stream]:
    """Streams that are under way at the same time."""
    return [stream for stream, _ in await asyncio.gather(*(model.begin() for _ in range(CROWD)))]


def _share(stop_ms: list[float], count: int) -> str:
    """How many stopped, and when that was noticed."""
    if not stop_ms:
        return f"0 of {count}"
    figures = quantiles(stop_ms)
    return f"{len(stop_ms)} of {count}, seen after p50 {figures['p50']:.0f}, p95 {figures['p95']:.0f} ms"
