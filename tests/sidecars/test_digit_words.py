"""Numbers that a decoder may spell, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sidecars.engines.digit_words import DigitWords, count
from tests.sidecars.grammars import spelled, vocabulary


@pytest.fixture(scope="module")
def eight() -> DigitWords:
    return DigitWords(vocabulary(), 8, 8)


@pytest.mark.parametrize(
    "text",
    [
        "four seven oh nine, one two three four",
        "Um, it's double four seven triple oh one two, please.",
        "thirty-five, ninety-two, fifty six, ten",
        "My tracking number is one two three four five six seven eight.",
    ],
)
def test_a_number_of_that_length_may_be_said_in_any_usual_way(eight: DigitWords, text: str) -> None:
    assert spelled(eight, text)


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven",
        "one two three four five six seven eight nine",
        "one two three four five six seven double",
        "one two three four five six seven eight, Tuesday",
        "my tracking number",
        "12345678",
    ],
)
def test_nothing_else_may(eight: DigitWords, text: str) -> None:
    assert not spelled(eight, text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("0471-3592", 8),
        ("It's double four seven, triple oh one two.", 8),
        ("thirty-five, ninety two, fifty, sixteen", 8),
        ("forty oh two", 4),
        ("Okay, so that's a one two", 2),
        ("What are your hours?", 0),
    ],
)
def test_digits_are_counted_as_they_are_said(text: str, digits: Any) -> None:
    assert count(text) == digits
