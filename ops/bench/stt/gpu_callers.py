"""Concurrent callers on a bare engine, and what they cost: for the parts of the GPU bench."""

from __future__ import annotations

import gc
import itertools
import json
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sidecars.local import collector
from sidecars.resample import Resampler

ROOT = Path(__file__).resolve().parents[3]
RATE = 16000
STEPS, SECONDS = 30, 2.5
"""For each number of streams, this many steps, or steps for this long, but at least `FEWEST`."""
FEWEST = 8
numbers = itertools.count(1)


def tell(name: str, value: float | None, unit: str = "", note: str = "", **more: object) -> None:
    told = {"name": name, "value": None if value is None else round(value, 3), "unit": unit, "note": note, **more}
    print(json.dumps(told), flush=True)


def callers() -> bytes:
    """What recorded callers say, one after the other, at 16 kHz."""
    pcm = b""
    for path in sorted((ROOT / "fixtures" / "calls").glob("*/*.wav")):
        with wave.open(str(path)) as file:
            pcm += file.readframes(file.getnframes())
    up = Resampler(8000, RATE)
    return up.feed(pcm) + up.flush()


def share(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, round(part * (len(values) - 1)))]


def spread(values: Sequence[float]) -> str:
    return f"p50 {share(values, 0.5):.1f}, p95 {share(values, 0.95):.1f}, max {max(values):.1f} ms, n {len(values)}"


def on_gpu() -> bool:
    import torch  # noqa: PLC0415  (only in the environment that has it)

    return bool(torch.cuda.is_available())


def wait() -> None:
    """Waits for the GPU's queued work."""
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def memory() -> str:
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        return "on the CPU"
    free, whole = torch.cuda.mem_get_info()
    peak = torch.cuda.max_memory_reserved()
    return f"card {(whole - free) / 1e9:.1f} GB of {whole / 1e9:.0f}, reserved at most {peak / 1e9:.1f} GB"


class Callers:
    """This many streams that step together, each at a different place in the same sound."""

    def __init__(self, engine: Any, count: int, pcm: bytes) -> None:
        self._engine, self._pcm = engine, pcm
        self._size = 2 * round(engine.chunk_s * RATE)
        self._places = [2 * (each * len(pcm) // (2 * count)) for each in range(count)] if count else []
        self.sessions = list(itertools.islice(numbers, count))
        for session in self.sessions:
            engine.open(session, {})

    def step(self) -> float:
        """Milliseconds."""
        audio = {}
        for place, session in enumerate(self.sessions):
            start = self._places[place] % (len(self._pcm) - self._size) // 2 * 2
            audio[session] = self._pcm[start : start + self._size]
            self._places[place] = start + self._size
        began = time.perf_counter()
        self._engine.step(audio)
        took = 1e3 * (time.perf_counter() - began)
        collector.between_steps()
        return took

    def steps(self, most: int = STEPS) -> list[float]:
        for _ in range(4):
            self.step()
        began = time.monotonic()
        took: list[float] = []
        while len(took) < most and (len(took) < FEWEST or time.monotonic() - began < SECONDS):
            took.append(self.step())
        return took

    def leave(self) -> list[float]:
        """Milliseconds of each of the first twenty cancels, including the wait for the GPU."""
        took = []
        for place, session in enumerate(self.sessions):
            wait() if place < 20 else None
            began = time.perf_counter()
            self._engine.cancel(session)
            wait() if place < 20 else None
            took.append(1e3 * (time.perf_counter() - began))
        self.sessions = []
        return took[:20]


@contextmanager
def collections() -> Iterator[list[float]]:
    """Milliseconds of each full garbage collection while it is active."""
    found: list[float] = []
    began = 0.0

    def collected(phase: str, told: dict[str, int]) -> None:
        nonlocal began
        if told["generation"] == 2:
            if phase == "start":
                began = time.perf_counter()
            else:
                found.append(1e3 * (time.perf_counter() - began))

    gc.callbacks.append(collected)
    yield found
    gc.callbacks.remove(collected)
