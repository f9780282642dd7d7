"""Numbers that a decoder may spell, and nothing else."""

from __future__ import annotations

import pytest

from sidecars.engines.digit_words import DigitWords
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
        "four thousand two hundred, eighteen hundred, thank you",
        "six thousand eighty-one, twenty-five",
        "one two um three four, and five six seven eight, I think",
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
    ("text", "number"),
    [
        ("0471-3592", "04713592"),
        ("It's double four seven, triple oh one two.", "44700012"),
        ("Yes, six thousand, eighty-one twenty-five, thanks.", "60008125"),
        ("four thousand one hundred, forty-four thirty-three", "41004433"),
        ("one two, eight to five for seven eight", "12825478"),
        ("It's seven zero six-bit, nine zero seven four three two", ""),
        ("Okay, so that's a one two", ""),
        ("What are your hours?", ""),
    ],
)
def test_a_text_has_a_number_if_nothing_else_is_amid_it(eight: DigitWords, text: str, number: str) -> None:
    assert eight.value(text) == number
    assert eight.fits(text) == bool(number)


@pytest.mark.parametrize(
    "text",
    ["12345678", "It says 17, 23, 64, 55, that's it.", "The number is 9820-3613, thanks.", "Double 471, triple 3, 5"],
)
def test_a_number_may_be_in_figures(eight: DigitWords, text: str) -> None:
    assert spelled(eight.in_figures, text)
    assert eight.fits(text)


@pytest.mark.parametrize("text", ["1234567", "123456789", "1234567-", "1234 five 678"])
def test_figures_of_another_count_or_among_words_may_not(eight: DigitWords, text: str) -> None:
    assert not spelled(eight.in_figures, text)
