"""Where an utterance contains a voice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sidecars.engines.voiced import RATE, WEAKEST, WINDOW, Voiced


def of(probabilities: list[float]) -> Any:
    voiced = Voiced()
    voiced.windows[:] = probabilities
    return voiced


def test_nothing_was_said_in_silence() -> None:
    voiced = Voiced()
    voiced.feed(bytes(2 * RATE))
    assert (voiced.first, voiced.last, voiced.speech_s) == (None, 0, 0.0)
    assert voiced.quiet == RATE // WINDOW * WINDOW


def test_how_the_audio_is_cut_makes_no_difference() -> None:
    noise = (np.random.default_rng(1).normal(0, 3000, RATE)).astype("<i2").tobytes()
    whole, pieces = Voiced(), Voiced()
    whole.feed(noise)
    for at in range(0, len(noise), 322):
        pieces.feed(noise[at : at + 322])
    assert pieces.windows == whole.windows


def test_a_voice_has_a_beginning_and_an_end() -> None:
    voiced = of([0.1, 0.3, 0.9, 0.9, 0.35, 0.2])
    assert (voiced.first, voiced.last, voiced.quiet) == (WINDOW, 5 * WINDOW, WINDOW)
    assert voiced.speech_s == pytest.approx(2 * WINDOW / RATE)


def test_where_an_answer_is_due_weaker_windows_belong_to_the_voice() -> None:
    voiced = Voiced(WEAKEST)
    voiced.windows[:] = [0.05, 0.12, 0.35, 0.12, 0.05]
    assert (voiced.first, voiced.last) == (WINDOW, 4 * WINDOW)
    assert voiced.perhaps_s == pytest.approx(WINDOW / RATE)


def test_what_is_dropped_is_counted() -> None:
    voiced = of([0.1, 0.1, 0.9])
    voiced.drop(2 * WINDOW)
    assert (voiced.windows, voiced.dropped, voiced.first) == ([0.9], 2, 0)


def test_the_quietest_place_is_where_three_windows_are_least_likely_speech() -> None:
    voiced = of([0.9, 0.1, 0.9, 0.9, 0.5, 0.3, 0.4, 0.9, 0.9, 0.0])
    assert voiced.quietest(2 * WINDOW, 9 * WINDOW) == 5 * WINDOW
    assert 2 * WINDOW <= voiced.quietest(2 * WINDOW, 3 * WINDOW) <= 3 * WINDOW
