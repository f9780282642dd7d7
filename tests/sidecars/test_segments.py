"""Engines that transcribe whole utterances, tested with one whose transcript is the level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sidecars.engine import EngineFull, Hypothesis
from sidecars.engines.segments import LONGEST_S, RATE, SegmentEngine


class Loudness(SegmentEngine):
    """Reports the seconds of audio and the last sample."""

    def understand(self, audio: NDArray[np.float32], options: Mapping[str, Any]) -> Hypothesis:
        return Hypothesis(f"{len(audio) / RATE:g} {audio[-1]:g} {options.get('language', '')}".strip())


def sound(seconds: float, level: float = 0.5) -> bytes:
    return np.full(round(seconds * RATE), level * 32768, "<i2").tobytes()


def test_a_segment_is_understood_when_it_ends_and_is_then_forgotten() -> None:
    engine = Loudness()
    engine.open(1, {"language": "de"})
    engine.open(2, {})
    assert engine.step({1: sound(0.4), 2: sound(0.3, 0.25)}) == {}
    engine.step({1: sound(0.1, 0.25)})
    assert engine.held() == {"sessions": 2}
    assert engine.finalize(1).text == "0.5 0.25 de"
    engine.cancel(2)
    assert engine.held() == {"sessions": 0}


def test_partials_come_where_they_are_asked_for_and_only_when_they_change() -> None:
    engine = Loudness(partials_s=0.5)
    engine.open(1, {})
    told = [engine.step({1: sound(0.1)}) for _ in range(10)]
    assert [guess[1].text for guess in told if guess] == ["0.5 0.5", "1 0.5"]


def test_a_segment_without_a_word_in_it_is_not_listened_to() -> None:
    engine = Loudness()
    engine.open(1, {})
    engine.step({1: sound(0.05)})
    assert engine.finalize(1) == Hypothesis("", 0.0)


def test_of_a_segment_that_is_too_long_the_end_is_heard() -> None:
    engine = Loudness()
    engine.open(1, {})
    for _ in range(4):
        engine.step({1: sound(10)})
    assert engine.finalize(1).text == f"{LONGEST_S:g} 0.5"


def test_one_utterance_too_many_is_refused() -> None:
    engine = Loudness(max_sessions=1)
    engine.open(1, {})
    with pytest.raises(EngineFull, match="1 utterances are open"):
        engine.open(2, {})
