"""Measuring where words begin, with sounds that begin at known places."""

from __future__ import annotations

import numpy as np
import pytest

from ops.bench.voice import onset_after_pause

RATE = 24000


def sounds(*spells: tuple[float, float]) -> np.ndarray:
    """Two seconds of silence with sound in the given intervals (seconds)."""
    audio = np.zeros(2 * RATE, np.float32)
    for start, end in spells:
        audio[round(start * RATE) : round(end * RATE)] = 0.1
    return audio


def test_a_word_after_a_pause_begins_where_its_sound_does() -> None:
    audio = sounds((0.0, 0.3), (0.35, 0.6), (0.8, 1.1), (1.13, 1.5))
    assert onset_after_pause(audio, RATE) == pytest.approx(0.8 * RATE, abs=2)


def test_no_place_is_made_up_where_there_is_no_pause() -> None:
    assert onset_after_pause(sounds((0.0, 0.8), (0.85, 1.5)), RATE) is None
    assert onset_after_pause(sounds(), RATE) is None
