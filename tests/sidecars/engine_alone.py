"""A synthesis engine without a host, for tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sidecars.engine import TtsEngine


def never() -> bool:
    return False


def after(calls: int) -> Callable[[], bool]:
    """A stop that is asked for at its `calls`-th question."""
    left = iter(range(calls))
    return lambda: next(left, None) is None


def said(engine: TtsEngine, text: str, **options: object) -> tuple[NDArray[np.int16], list[tuple[int, str]]]:
    """Audio, and (sample, word) of each mark."""
    chunks = list(engine.speak(text, options, never))
    audio = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2")
    return audio, [(sample, text[start:end]) for chunk in chunks for sample, start, end in chunk.marks]
