"""A bias toward what a dialplan's callers may say."""

from __future__ import annotations

from typing import Any

import pytest

from sidecars.engines.expected_words import ANY, ANYWHERE, ASKED, ExpectedWords, checked_phrases

PIECES = ["", "", "", " I", " want", " a", " check", "-", "up", "er", " Wed", "nes", "day", ",", " 10", ":30", " to"]
SETS = {"": ["i want a checkup", "i want a check up"], "day": ["wednesday", "on wednesday"], "time": ["ten thirty"]}


def bias(expected: str = "") -> Any:
    return ExpectedWords(PIECES, SETS, expected, 1.0)


def total(bias: Any, text: list[str]) -> Any:
    """What the bias adds to a text, given in pieces, in units of `ANY`."""
    state, sum_ = bias.start, 0.0
    for piece in text:
        state, bonus = bias.advance(state, PIECES.index(piece))
        sum_ += bonus
    return (sum_ + bias.end(state)) / ANY


def test_words_that_follow_each_other_in_a_phrase_get_a_bonus() -> None:
    assert total(bias(), [" I", " want", " a", " check", "up"]) == 5


def test_case_and_punctuation_are_nothing() -> None:
    assert total(bias(), [" I", ",", " want"]) == 2


def test_a_hyphen_stands_between_two_words() -> None:
    assert total(bias(), [" I", " want", " a", " check", "-", "up"]) == 5
    assert total(bias(), [" I", " want", " a", " check", "up"]) == 5


def test_a_word_in_another_place_gets_none() -> None:
    assert total(bias(), [" want"]) == 0


def test_a_word_that_only_begins_like_an_expected_one_gives_its_bonus_back() -> None:
    assert total(bias("day"), [" Wed"]) == 0
    assert total(bias("day"), [" Wed", "nes"]) == 0
    assert total(bias(), [" I", " want", " a", " check", "er"]) == 3


def test_a_lone_word_that_only_begins_a_phrase_gives_its_bonus_back() -> None:
    assert total(bias(), [" I"]) == 0
    assert total(bias(), [" I", " want"]) == 2
    assert total(ExpectedWords(PIECES, {"": ["up", "up to a point"]}, "", 1.0), ["up"]) == 1


def test_what_nobody_expects_is_as_without_bias() -> None:
    assert total(bias(), [" to", " check", "er", ",", "up"]) == 0


def test_what_was_asked_for_counts_for_more_and_only_then() -> None:
    said = [" Wed", "nes", "day"]
    assert total(bias(), said) == 0
    assert total(bias("day"), said) == 3 * ASKED / ANY


def test_an_answer_counts_after_any_other_word() -> None:
    assert total(bias("day"), [" to", " Wed", "nes", "day"]) == 3 * ANYWHERE / ANY
    assert total(bias("day"), [" to", " a"]) == 0


def test_anything_else_may_still_be_said_instead_of_an_answer() -> None:
    assert total(bias("day"), [" I", " want"]) == 2


def test_the_weight_is_for_all_of_it() -> None:
    twice = ExpectedWords(PIECES, SETS, "day", 2.0)
    assert total(twice, [" I", " want"]) == 4


@pytest.mark.parametrize(
    ("phrases", "problem"),
    [
        (["hello"], "phrases: must be a table, by dialplan"),
        ({"clinic": "hello"}, "phrases of clinic: must be a list"),
        ({"clinic": [1]}, "phrases of clinic: must be a list"),
        ({"clinic": {"day": ["monday"]}}, "phrases of clinic: must be a list"),
    ],
)
def test_phrases_of_another_shape_are_refused(phrases: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        checked_phrases(phrases)


@pytest.mark.parametrize(
    ("expected", "text", "answers"),
    [
        ("day", "Wednesday.", True),
        ("day", "Maybe Wednesday!", True),
        ("day", "We met on a Wednesday.", False),
        ("day", "On?", False),
        ("day", "Ten thirty.", False),
        ("day", "", False),
        ("", "Wednesday.", False),
    ],
)
def test_an_answer_is_of_the_words_of_answers_all_but_one(expected: str, text: str, answers: bool) -> None:
    assert bias(expected).answers(text) is answers


@pytest.mark.parametrize(
    ("text", "contains"),
    [
        ("er maybe around ten thirty", True),
        ("ten thirty", False),
        ("i think that it is nice", False),
        ("we could do it at ten", False),
    ],
)
def test_a_sentence_contains_an_answer_with_two_words_of_answers(text: str, contains: bool) -> None:
    time = ExpectedWords(PIECES, {"": (), "time": ["ten thirty", "half past ten"]}, "time", 1.0)
    assert time.contains_answer(text) is contains
