"""A bias towards what a dialplan's callers may say."""

import pytest

from sidecars.engines.expected_words import ExpectedWords, checked_phrases

PIECES = ["", "", "", " I", " want", " a", " check", "-", "up", "er", " Wed", "nes", "day", ",", " 10", ":30", " to"]
SETS = {"": ["i want a checkup"], "day": ["wednesday", "on wednesday"], "time": ["ten thirty"]}


def bias(expected=""):
    return ExpectedWords(PIECES, SETS, expected, 1.0)


def total(bias, text):
    """What the bias adds to a text, given in pieces."""
    state, sum_ = bias.start, 0.0
    for piece in text:
        state, bonus = bias.advance(state, PIECES.index(piece))
        sum_ += bonus
    return sum_ + bias.end(state)


def test_words_that_follow_each_other_in_a_phrase_get_a_bonus():
    assert total(bias(), [" I", " want", " a", " check", "up"]) == 5.0


def test_case_and_punctuation_are_nothing():
    assert total(bias(), [" I", ",", " want"]) == 2.0
    assert total(bias(), [" I", " want", " a", " check", "-", "up"]) == 5.0


def test_a_word_in_another_place_gets_none():
    assert total(bias(), [" want"]) == 0.0


def test_a_word_that_only_begins_like_an_expected_one_gives_its_bonus_back():
    assert total(bias(), [" I", " want", " a", " check"]) == 3.0
    assert total(bias(), [" I", " want", " a", " check", "er"]) == 3.0


def test_what_nobody_expects_is_as_without_bias():
    assert total(bias(), [" to", " check", "er", ",", "up"]) == 0.0


def test_what_was_asked_for_is_expected_only_then():
    said = [" Wed", "nes", "day"]
    assert total(bias(), said) == 0.0
    assert total(bias("day"), said) == 3.0


@pytest.mark.parametrize(
    ("phrases", "problem"),
    [
        (["hello"], "phrases: must be a table, by dialplan"),
        ({"clinic": "hello"}, "phrases of clinic: must be a list"),
        ({"clinic": [1]}, "phrases of clinic: must be a list"),
        ({"clinic": {"day": ["monday"]}}, "phrases of clinic: must be a list"),
    ],
)
def test_phrases_of_another_shape_are_refused(phrases, problem):
    with pytest.raises(ValueError, match=problem):
        checked_phrases(phrases)
