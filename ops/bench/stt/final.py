"""From the end of speech to the final transcript: an engine that has listened all along, and one that begins then."""

from __future__ import annotations

import asyncio

from ops.bench.figure import Figure, Progress
from ops.bench.stt import models
from ops.bench.stt.sidecar import Sidecar
from ops.bench.stt.stream import Streams
from ops.bench.talk import Sound, sounds
from ops.stats import quantiles

WORDS = range(5, 30)
UTTERANCES = 20


async def measure(progress: Progress, utterances: int = UTTERANCES) -> list[Figure]:
    """The same recorded callers, in real time, to encoders of the same shape."""
    said = [sound for sound in sounds() if len(sound.words.split()) in WORDS]
    said = (said * utterances)[:utterances]
    streaming, whole = await asyncio.to_thread(models.streaming), await asyncio.to_thread(models.whole)
    took: list[list[float]] = []
    engines: tuple[dict[str, object], ...] = (
        {"model": str(streaming), "chunk_ms": models.CHUNK_MS},
        {"model": str(whole)},
    )
    for place, options in enumerate(engines):
        async with Sidecar("nemo", options) as server:
            took.append(await _finals(server, said, lambda part, place=place: progress((place + part) / 2)))  # type: ignore[misc]
    stream, segment = (quantiles(each) for each in took)
    seconds = sum(len(sound.pcm) for sound in said) / 16000 / len(said)
    note = f"{stream['p50']:.1f} against {segment['p50']:.1f} ms (p50), {len(said)} utterances of {seconds:.1f} s"
    return [Figure("time to final, streaming / on segments", stream["p50"] / segment["p50"], "×", 0.25, note)]


async def _finals(server: Sidecar, said: list[Sound], progress: Progress) -> list[float]:
    """Milliseconds."""
    took = []
    async with Streams(server.url, models.CHUNK_MS / 1e3) as streams:
        one = await streams.open()
        for number, sound in enumerate(said):
            progress(number / len(said))
            await one.speak(models.wide(sound.pcm), len(sound.pcm) / 16000)
            took.append(1e3 * await one.finalize())
    return took
