"""From the end of speech to the final transcript: an engine that recognizes while the caller speaks, and one that
begins at the end.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import Sidecar
from ops.bench.stt.stream import Streams
from ops.bench.talk import LEAD, LEAD_S, sounds
from ops.report.stats import quantiles

WORDS = range(5, 30)
LONG_S = 10.0
SIZES: tuple[tuple[str, Callable[[], Path], Callable[[], Path]], ...] = (
    ("3.5 M", models.streaming, models.whole),
    ("114 M", models.middle_streaming, models.middle_whole),
)
"""Parameters of the encoder, the streaming model, and the segment model: the same encoder twice."""
UTTERANCES = 4
"""Trials for each length and end."""
ENDS = {"500 ms after the last sound": 0.5, "at the last sound": 0.0}
"""When the final is requested: as in calls, or in mid-speech. For each, how long the line's noise continues (s)."""


async def measure(progress: Progress, utterances: int = UTTERANCES) -> list[Figure]:
    """Plays the same recorded callers, in real time, to encoders of the same shape."""
    figures = []
    cases = [
        (end, [ended(pcm, line_s) for pcm in said(least_s, utterances)])
        for end, line_s in ENDS.items()
        for least_s in (0.0, LONG_S)
    ]
    for at, (size, *made) in enumerate(SIZES):
        paths = [await asyncio.to_thread(make) for make in made]
        took: list[list[list[float]]] = []
        for place, options in enumerate(({"chunk_ms": models.CHUNK_MS}, {})):
            async with Sidecar("nemo", {"model": str(paths[place]), **options}) as server:
                took.append([await _finals(server, pcms) for _, pcms in cases])
            progress((at + (place + 1) / 2) / len(SIZES))
        for (end, pcms), streaming, segments in zip(cases, *took, strict=True):
            stream, segment = quantiles(streaming)["p50"], quantiles(segments)["p50"]
            seconds = sum(map(len, pcms)) / 2 / 8000 / len(pcms)
            note = f"{stream:.1f} against {segment:.1f} ms (p50), {len(pcms)} utterances"
            name = f"time to final {end}, streaming / on segments, {size}, {seconds:.1f} s"
            figures.append(Figure(name, stream / segment, "×", 0.25, note))
    return figures


def said(at_least_s: float, count: int) -> list[bytes]:
    """What recorded callers say (8 kHz): enough of them, without pauses, to make up the given length."""
    found, pcm = [], b""
    for sound in cycle(sound for sound in sounds() if len(sound.words.split()) in WORDS):
        pcm += sound.pcm
        if len(pcm) >= 2 * 8000 * at_least_s:
            found.append(pcm)
            pcm = b""
        if len(found) == count:
            return found
    return found


def ended(pcm: bytes, line_s: float) -> bytes:
    """Adds this much of the line's own noise after the voice."""
    voice, noise = pcm[: -2 * LEAD], pcm[-2 * LEAD :]
    return voice + (noise * math.ceil(line_s / LEAD_S))[: 2 * round(8000 * line_s)]


async def _finals(server: Sidecar, said: list[bytes]) -> list[float]:
    """Milliseconds."""
    took = []
    async with Streams(server.url, models.CHUNK_MS / 1e3) as streams:
        one = await streams.open()
        for pcm in said:
            await one.speak(models.wide(pcm), len(pcm) / 16000)
            took.append(1e3 * await one.finalize())
    return took
