"""Digits as people say them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.language.numbers import DIGITS, TEENS, TENS, UNITS, Run, examples, runs, spoken

SAYINGS: dict[str, list[str]] = {}
for _word, _digit in DIGITS.items():
    SAYINGS.setdefault(_digit, []).append(_word)
for _value, _word in enumerate(TEENS, 10):
    SAYINGS.setdefault(str(_value), []).append(_word)
for _word, _tens in TENS.items():
    for _unit, _name in enumerate(UNITS[1:], 1):
        SAYINGS.setdefault(f"{_tens}{_unit}", []).append(f"{_word} {_name}")
for _word, _digit in list(DIGITS.items()):
    SAYINGS.setdefault(_digit * 2, []).append(f"double {_word}")
    SAYINGS.setdefault(_digit * 3, []).extend([f"triple {_word}", f"treble {_word}"])


@st.composite
def said(draw: st.DrawFn) -> tuple[str, str]:
    """A string of digits, and one of the ways to say it."""
    groups = draw(st.lists(st.sampled_from(sorted(SAYINGS)), min_size=1, max_size=10))
    return "".join(groups), " ".join(draw(st.sampled_from(SAYINGS[group])) for group in groups)


@given(said())
def test_however_digits_are_said_they_are_the_same_digits(number: tuple[str, str]) -> None:
    digits, sentence = number
    words = sentence.split()
    assert runs(words) == [Run(digits, 0, len(words))]


@given(said(), st.lists(st.sampled_from(["uh", "um", "and", "then"]), min_size=1, max_size=2))
def test_hesitation_does_not_end_a_number(number: tuple[str, str], filler: list[str]) -> None:
    digits, sentence = number
    assert [run.digits for run in runs(["seven", *filler, *sentence.split()])] == ["7" + digits]


@given(st.text("0123456789", min_size=1, max_size=20))
def test_what_the_agent_says_is_understood_as_the_same_digits(digits: str) -> None:
    assert [run.digits for run in runs(spoken(digits).replace(",", "").split())] == [digits]


@given(st.lists(st.sampled_from([*DIGITS, *TEENS, *TENS, "double", "hundred", "to", "for", "uh", "x", "4", "²"])))
def test_any_words_give_only_ascii_digits_within_the_sentence(words: list[str]) -> None:
    before = 0
    for run in runs(words):
        assert run.digits.isascii() and run.digits.isdigit()
        assert before <= run.start < run.end <= len(words)
        before = run.end


@pytest.mark.parametrize(
    ("sentence", "digits"),
    [
        ("it's four eight double two", ["4822"]),
        ("twenty twenty four", ["2024"]),
        ("twenty oh four", ["2004"]),
        ("four hundred and twelve", ["412"]),
        ("four hundred twelve", ["412"]),
        ("four hundred and five", ["405"]),
        ("eight hundred five five five", ["800555"]),
        ("eight hundred double five", ["80055"]),
        ("one eight hundred", ["1800"]),
        ("forty eight hundred", ["4800"]),
        ("seven thousand two hundred and six", ["7206"]),
        ("two thousand and nine", ["2009"]),
        ("four seventy one", ["471"]),
        ("double three oh six", ["3306"]),
        ("forty eight twenty nine thirteen fifty seven", ["48291357"]),
        ("four eight two nine hyphen one three five seven", ["48291357"]),
        ("four to five", ["425"]),
        ("to four", ["4"]),
        ("four for", ["4"]),
        ("double trouble", []),
        ("it is 4829 1357", ["48291357"]),
        ("five please not seven", ["5", "7"]),
        ("hello", []),
    ],
)
def test_numbers_within_sentences(sentence: str, digits: list[str]) -> None:
    assert [run.digits for run in runs(sentence.split())] == digits


@pytest.mark.parametrize("length", [1, 2, 4, 8, 13])
def test_the_examples_hold_every_pair_of_digits(length: int) -> None:
    plain = [sentence.split() for sentence in examples(length) if set(sentence.split()) <= set(UNITS)]
    assert {len(sentence) for sentence in plain} == {length}
    pairs = {pair for sentence in plain for pair in pairwise(sentence)}
    assert len(pairs) == (100 if length > 1 else 0)
