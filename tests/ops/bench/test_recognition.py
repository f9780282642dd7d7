"""The audio for measuring the recognizer's cost."""

from __future__ import annotations

import asyncio

import pytest

from ops.bench import recognition


def test_it_is_fed_what_recorded_callers_say() -> None:
    said = recognition._utterances(10.0)
    assert 10.0 <= sum(map(len, said)) / 16000 < 60.0
    assert said == recognition._utterances(10.0)


@pytest.mark.long
def test_every_promise_has_a_figure() -> None:
    told: list[float] = []
    figures = asyncio.run(recognition.measure(told.append, seconds=4.0))
    assert [figure.limit for figure in figures] == [0.02, 0.12, 40.0, 250.0]
    assert all(figure.value is not None and figure.value > 0 for figure in figures)
    assert told == sorted(told)
