"""Word errors as they are counted."""

from __future__ import annotations

import pytest

from ops.bench.recognition import distance


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
