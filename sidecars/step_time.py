"""Measures how long an engine's steps take with nothing between it and its audio: the bare engine in its own
environment.

    python -m sidecars.step_time --engine nemo --option model=tiny.nemo --streams 1,8,32 < audio.pcm

Reads 16-bit PCM at the engine's rate from standard input and gives each stream its own part (they begin at different
places), one of the engine's chunks in each step (160 ms if it has none). Prints JSON: by number of streams, the
milliseconds of every step that did any work, and whether all streams processed together gave the same texts as each of
them alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence

from sidecars.engine import Chunked, SttEngine, load
from sidecars.options import option

CHUNK_S = 0.16
WORK_MS = 0.5
"""If an engine's chunk size is unknown, a shorter step than this only stored audio for later, and does not count."""


def chunk_s(engine: SttEngine) -> float:
    """The seconds of audio that make up a full step."""
    return engine.chunk_s if isinstance(engine, Chunked) else CHUNK_S


def steps_ms(engine: SttEngine, utterances: Sequence[bytes], numbers: itertools.count[int]) -> list[float]:
    """The milliseconds of each step that fed a chunk to all `utterances` at once."""
    size = 2 * round(chunk_s(engine) * engine.sample_rate)
    sessions = dict(zip(numbers, utterances, strict=False))
    for session in sessions:
        engine.open(session, {})
    took = []
    for start in range(0, min(map(len, utterances)) - size + 1, size):
        began = time.perf_counter()
        engine.step({session: pcm[start : start + size] for session, pcm in sessions.items()})
        took.append(1e3 * (time.perf_counter() - began))
    for session in sessions:
        engine.cancel(session)
    return took if isinstance(engine, Chunked) else [ms for ms in took if ms > WORK_MS]


def texts(engine: SttEngine, utterances: Sequence[bytes], numbers: itertools.count[int], at_once: int) -> list[str]:
    """The texts that are recognized if `at_once` streams are processed together."""
    size = 2 * round(chunk_s(engine) * engine.sample_rate)
    heard = []
    for first in range(0, len(utterances), at_once):
        sessions = dict(zip(numbers, utterances[first : first + at_once], strict=False))
        for session in sessions:
            engine.open(session, {})
        for start in range(0, max(map(len, sessions.values())), size):
            engine.step({each: pcm[start : start + size] for each, pcm in sessions.items() if len(pcm) > start})
        heard += [engine.finalize(session).text for session in sessions]
    return heard


def parts(pcm: bytes, count: int, seconds: float, rate: int) -> list[bytes]:
    """Returns `count` parts of `pcm` that begin at different places; the beginning follows the end."""
    length = 2 * round(seconds * rate)
    endless = pcm * (1 + length // len(pcm) + 1)
    return [endless[start : start + length] for start in (2 * (each * len(pcm) // 2 // count) for each in range(count))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="sidecars.step_time", description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--option", action="append", default=[], type=option, metavar="KEY=VALUE")
    parser.add_argument("--streams", default="1,8,32", help="how many at once, of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of audio of each stream (default: %(default)s)")
    arguments = parser.parse_args()
    engine: SttEngine = load(arguments.engine, dict(arguments.option))
    pcm = sys.stdin.buffer.read()
    numbers = itertools.count(1)
    steps_ms(engine, parts(pcm, 1, 1.0, engine.sample_rate), numbers)
    took = {
        count: steps_ms(engine, parts(pcm, count, arguments.seconds, engine.sample_rate), numbers)
        for count in map(int, arguments.streams.split(","))
    }
    some = parts(pcm, 8, arguments.seconds, engine.sample_rate)
    same = texts(engine, some, numbers, 8) == texts(engine, some, numbers, 1)
    told = {"chunk_s": chunk_s(engine), "steps_ms": took, "batched_as_alone": same, "held": dict(engine.held())}
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main()
