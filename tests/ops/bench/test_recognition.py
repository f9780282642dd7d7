"""Word errors as they are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.bench.recognition import VOICES, distance


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("book an appointment", "book an appointment", 0),
        ("book an appointment", "book appointment", 1),
        ("book an appointment", "look at an appointment", 2),
        ("book an appointment", "", 3),
        ("", "hello", 1),
        ("one two three four", "two three four five", 2),
    ],
)
def test_substitutions_omissions_and_insertions_count_one_each(said: str, heard: str, errors: int) -> None:
    assert distance(said.split(), heard.split()) == errors


def test_no_voice_of_the_bench_belongs_to_a_recorded_caller() -> None:
    callers = (Path(__file__).parents[3] / "fixtures/callers.toml").read_text()
    assert callers
    assert not [voice for voice in VOICES if f'"espeak {voice}"' in callers]
