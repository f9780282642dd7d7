"""The whole measurement of one place: the engine's figures there, and those of calls to a daemon that runs it there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any

from ops.ab import alone, calls, places, stream
from ops.ab.calls import Told
from ops.ab.places import CannotRun, Engine
from ops.ab.rule import LEGS, Measured
from ops.ab.words import lost
from ops.replay.fixture import Fixture

STREAM_PART = 0.25
"""The approximate share of a place's time that its streams take."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the engine alone recognizes in the recordings."""

    recordings: Sequence[dict[str, Any]]
    """`pcm` (a file), `options`, `partials`, `text`, `words` (what the caller says in it), `fixture`."""
    chunk_ms: float
    """The audio that the engine takes per step."""

    def text(self, fixture: str) -> str:
        return " ".join(each["text"] for each in self.recordings if each["fixture"] == fixture)


async def reference(engine: Engine, fixtures: Sequence[Fixture], folder: Path) -> Reference:
    """Lets the engine alone transcribe everything that the recorded callers say. Raises `CannotRun`."""
    recordings = []
    for fixture in fixtures:
        for number, cue in enumerate(fixture.cues):
            if cue.pcm and cue.words:
                file = folder / f"{fixture.name}-{number}.pcm"
                file.write_bytes(cue.pcm)
                options = {"grammar": fixture.dialplan}
                recordings.append({"pcm": str(file), "options": options, "fixture": fixture.name})
    if not recordings:
        raise CannotRun("none of the recorded callers says anything")
    asked, answer = folder / "alone.json", folder / "heard.json"
    asked.write_text(json.dumps({"engine": engine.name, "options": engine.everything, "recordings": recordings}))
    python, environ = places.engine_alone(engine, folder)
    await places.run(python, environ, [str(alone.__file__), str(asked), str(answer)], folder)
    heard = json.loads(answer.read_text())
    if not any(each["partials"] for each in heard):
        raise CannotRun(f"{engine.name} gives no partial transcripts; only streaming engines can be compared")
    told = [{**each, **what} for each, what in zip(recordings, heard, strict=True)]
    return Reference(told, chunk_ms(at for each in heard for _, at in each["partials"]))


def chunk_ms(partials: Iterable[float]) -> float:
    """The audio that an engine takes per step, from the seconds of audio after which partials come in any utterance.

    An engine has output only when a chunk is complete, so partials are whole chunks apart.
    """
    frames = sorted({round(at / alone.FRAME_S) for at in partials})
    return 1e3 * alone.FRAME_S * (reduce(gcd, (later - sooner for sooner, later in pairwise(frames)), 0) or 1)


async def measure(
    place: str,
    engine: Engine,
    fixtures: Sequence[Fixture],
    alone: Reference,
    *,
    count: int,
    seconds: float,
    most: int,
    told: Told,
) -> Measured:
    """Measures everything at one place. Raises `CannotRun`."""
    told(0.0, "streams")
    streams = await _streams(place, engine, alone, seconds, most)
    found = await calls.measure(
        place, engine, fixtures, count, lambda part, what: told(STREAM_PART + (1 - STREAM_PART) * part, what)
    )
    turns = [turn for each in found.heard.values() for turn in each.turns]
    cut = [turn["barge_in"] for turn in turns if turn["barge_in"]]
    legs = {
        leg: [*found.tally.legs[leg], *(chain["legs_ms"][leg] for chain in cut if leg in chain["legs_ms"])]
        for leg in LEGS
    }
    words = [lost(each.said, alone.text(name), each.text) for name, each in found.heard.items()]
    return Measured(
        legs_ms=legs,
        by_voice=sum(chain["source"] == "speech" for chain in cut),
        missed=found.tally.missed + sum(len(chain["missed"]) for chain in cut),
        stale_frames=found.tally.stale_frames,
        partial_ms=streams.partial_ms,
        partial_streams=streams.partial_streams,
        streams=streams.streams,
        startup_s=streams.startup_s,
        memory_mb=found.memory.mb,
        vram_mb=found.memory.vram_mb,
        words_lost=sum(missing for missing, _ in words),
        words=sum(heard for _, heard in words),
        problems=[streams.limit, *found.problems],
    )


async def _streams(place: str, engine: Engine, alone: Reference, seconds: float, most: int) -> stream.Answer:
    """Measured by separate programs, so that the engine does not share a process with this one.

    The faster of two starts counts.
    """
    first = await _stream(place, engine, alone, seconds, 0)
    answer = await _stream(place, engine, alone, seconds, most)
    return replace(answer, startup_s=min(first.startup_s, answer.startup_s))


async def _stream(place: str, engine: Engine, alone: Reference, seconds: float, most: int) -> stream.Answer:
    with tempfile.TemporaryDirectory(prefix="ab-") as name:
        folder = Path(name)
        asked, answer = folder / "asked.json", folder / "answer.json"
        spec = {
            "place": place,
            "engine": asdict(engine),
            "recordings": list(alone.recordings),
            "chunk_ms": alone.chunk_ms,
            "seconds": seconds,
            "most": most,
        }
        asked.write_text(json.dumps(spec))
        python, environ = places.client(place, engine, folder)
        await places.run(python, environ, ["-m", "ops.ab.stream", str(asked), str(answer)], folder)
        return stream.Answer(**json.loads(answer.read_text()))
