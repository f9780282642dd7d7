"""Parakeet with small models, as its tests in its own environment use it: fixtures, callers, and utterances.

`test_nemo.py` has pytest load this as a plugin. `NEMO_MODELS` is a folder with `ctc.nemo`, `rnnt.nemo`, and `tdt.nemo`,
made by `fixtures.models.tiny_nemo.make`: their weights are random, and their transcripts are babble.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from sidecars.engine import Hypothesis
from sidecars.engines import nemo

MODELS = Path(os.environ["NEMO_MODELS"])
CALLS = Path(__file__).parent.parent.parent / "fixtures" / "calls"
RATE = 16000
FRAME = 640
"""Bytes of 20 ms."""
NOTHING = {"sessions": 0, "slots": 0}


def recordings() -> list[bytes]:
    """Callers, 16 kHz."""
    heard = []
    for path in sorted(CALLS.glob("*/*.wav"))[:6]:
        with wave.open(str(path)) as file:
            audio = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        heard.append(soxr.resample(audio, 8000, RATE).astype("<i2").tobytes()[: 2 * 3 * RATE])
    return heard


CALLERS = recordings()


@pytest.fixture(scope="module", params=["ctc", "rnnt"])
def used(request: pytest.FixtureRequest) -> nemo.Nemo:
    made = nemo.create({"model": str(MODELS / f"{request.param}.nemo"), "max_sessions": 8})
    assert isinstance(made, nemo.Nemo)
    return made


@pytest.fixture
def engine(used: nemo.Nemo) -> Iterator[nemo.Nemo]:
    yield used
    left = list(used._sessions)
    for session in left:  # so that the next test starts with none
        used.cancel(session)
    assert left == []
    assert_free(used)


def assert_free(engine: nemo.Nemo) -> None:
    """Checks the tensors themselves: none of anybody's sound, features, caches, or decoder state is left in them."""
    assert engine.held() == NOTHING
    assert engine._pipeline.is_clear()


_numbers = iter(range(1, 1_000_000))


def opened(engine: Any) -> int:
    number = next(_numbers)
    engine.open(number, {"grammar": "clinic"})
    return number


def fed(engine: Any, pcms: Sequence[bytes], frame: int = FRAME) -> tuple[list[int], list[list[Hypothesis]]]:
    """Sessions that have got it all, side by side, and the partials of each."""
    sessions = [opened(engine) for _ in pcms]
    partials: list[list[Hypothesis]] = [[] for _ in pcms]
    for begin in range(0, max(map(len, pcms)), frame):
        audio = {
            session: pcm[begin : begin + frame] for session, pcm in zip(sessions, pcms, strict=True) if begin < len(pcm)
        }
        for session, hypothesis in engine.step(audio).items():
            partials[sessions.index(session)].append(hypothesis)
    return sessions, partials


def finals(engine: Any, pcms: Sequence[bytes], frame: int = FRAME) -> list[Hypothesis]:
    sessions, _ = fed(engine, pcms, frame)
    return [engine.finalize(session) for session in sessions]
