"""Counting word errors, and normalizing texts before that."""

from __future__ import annotations

import pytest

from ops.quality.score import Pair, edits, hits, normalized, score, wilson


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
    assert edits(said.split(), heard.split()) == errors


@pytest.mark.parametrize(
    ("said", "heard", "there"),
    [
        ("book an appointment", "book an appointment", {0, 1, 2}),
        ("book an appointment", "an appointment", {1, 2}),
        ("book an appointment", "look at an appointment", {1, 2}),
        ("book an appointment", "", set()),
        ("", "hello", set()),
        ("one two three", "three two one", {1}),
    ],
)
def test_words_that_were_heard_in_their_place(said: str, heard: str, there: set[int]) -> None:
    assert hits(said.split(), heard.split()) == there


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I'd like to book.", "i would like to book"),
        ("Colour, please!", "color please"),
        ("at twenty five past ten", "at 25 past 10"),
        ("  ", ""),
        ("...", ""),
        ("well ... yes", "well yes"),
    ],
)
def test_what_people_write_differently_is_the_same(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


def test_a_score_tells_kinds_of_errors_and_how_sure_it_is() -> None:
    pairs = [Pair("a b c d", "a x c d"), Pair("a b", "a b c"), Pair("a b c d", "a b d"), *[Pair("a b", "a b")] * 5]
    found = score(pairs)
    assert (found.substitutions, found.insertions, found.deletions) == (1, 1, 1)
    assert (found.words, found.utterances) == (20, 8)
    assert found.wer == 3 / 20
    low, high = found.ci95
    assert 0 <= low < found.wer < high
    assert score(pairs) == found


def test_more_of_the_same_makes_it_surer() -> None:
    pairs = [Pair("a b c d", "a b c d"), Pair("a b c d", "a x c d")]
    (few_low, few_high), (many_low, many_high) = score(pairs * 5).ci95, score(pairs * 50).ci95
    assert many_high - many_low < few_high - few_low


def test_nothing_said_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="not a word was said"):
        score([Pair("", "hello")])


def test_an_alignment_shows_where_they_differ() -> None:
    reference, hypothesis, kinds = Pair("on tuesday morning", "on thursday").alignment.splitlines()[:3]
    assert reference.split() == ["REF:", "on", "tuesday", "morning"]
    assert hypothesis.split()[:2] == ["HYP:", "on"]
    assert sorted(kinds.split()) == ["D", "S"]


def test_a_share_of_few_is_less_sure_than_the_same_of_many() -> None:
    low, high = wilson(9, 10)
    assert (low, high) == pytest.approx((0.596, 0.982), abs=0.001)
    assert low < wilson(90, 100)[0] < 0.9 < wilson(90, 100)[1] < high
    assert wilson(0, 5)[0] == 0.0 and wilson(5, 5)[1] == 1.0
    with pytest.raises(ValueError):
        wilson(0, 0)
