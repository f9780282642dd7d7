"""When an utterance is over."""

from __future__ import annotations

import numpy as np

from sidecars.serve.stt.endpoint import STEADY_S, Endpointer
from tests.sidecars.speech import Audio, line, spoken, white

NOISE = 0.006


def heard(endpointer: Endpointer, audio: Audio) -> None:
    pcm = line(audio)
    for start in range(0, len(pcm), 322):  # not in whole blocks
        endpointer.hear(pcm[start : start + 322])


def speech() -> Audio:
    audio = spoken("what are your opening hours", "en-us")
    return np.asarray(audio + white(len(audio) / 8000, NOISE))


def test_words_and_then_a_pause_end_it() -> None:
    endpointer = Endpointer(8000, 0.5)
    heard(endpointer, speech())
    endpointer.understood("what are your opening hours")
    heard(endpointer, white(0.4, NOISE))
    assert not endpointer.over
    heard(endpointer, white(0.2, NOISE))
    assert endpointer.over


def test_without_words_there_is_nothing_to_end() -> None:
    endpointer = Endpointer(8000, 0.5)
    heard(endpointer, white(5.0, NOISE))
    assert not endpointer.over


def test_on_a_line_too_loud_to_pause_the_words_alone_tell() -> None:
    endpointer = Endpointer(8000, 0.5)
    endpointer.understood("yes")
    heard(endpointer, white(STEADY_S - 0.1, 0.1))
    assert not endpointer.over
    endpointer.understood("yes please")
    heard(endpointer, white(STEADY_S - 0.1, 0.1))
    assert not endpointer.over
    heard(endpointer, white(0.2, 0.1))
    assert endpointer.over
