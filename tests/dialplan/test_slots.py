"""The kinds of values for which an agent asks."""

import pytest

from phone_daemon.dialplan.slots import (
    Choice,
    Day,
    Digits,
    Kind,
    Text,
    Time,
    YesNo,
)
from phone_daemon.language.words import words

PLACE = Choice(
    {"door": ("front door", "at home"), "neighbour": ("neighbour", "next door"), "shop": ("parcel shop", "shop")},
    {"door": "to your door"},
)


def values(kind: Kind, sentence: str, expected: bool = True) -> list[str]:
    return [found.value for found in kind.find(words(sentence), expected)]


@pytest.mark.parametrize(
    ("sentence", "chosen"),
    [
        ("to the front door", ["door"]),
        ("next door please", ["neighbour"]),
        ("at home or in the parcel shop", ["door", "shop"]),
        ("the parcel shop", ["shop"]),
        ("to a neighbor", ["neighbour"]),
        ("front floor", ["door"]),
        ("on tuesday", []),
        ("", []),
    ],
)
def test_a_choice_is_found_even_when_it_was_misheard(sentence: str, chosen: list[str]) -> None:
    assert values(PLACE, sentence) == chosen


def test_what_was_not_asked_for_must_be_said_exactly() -> None:
    assert values(PLACE, "front floor", expected=False) == []
    assert values(PLACE, "front door", expected=False) == ["door"]


SIZE = Choice({"small": ("small", "a small one"), "medium": ("medium",), "large": ("large",)})


@pytest.mark.parametrize(
    "sentence",
    ["no next all thank you", "that's all", "no that's all thank you", "of course", "a lot", "call"],
)
def test_words_around_an_answer_are_no_choice(sentence: str) -> None:
    assert values(SIZE, sentence) == []


def test_a_choice_of_somebody_is_theirs() -> None:
    assert values(SIZE, "the smal one please") == ["small"]
    assert values(PLACE, "leave it at my neighbour's") == ["neighbour"]


def test_what_sounds_like_a_digit_is_one_only_where_it_makes_the_number_whole() -> None:
    assert values(Digits(8, 8), "so that's a one two four one five eight six") == ["81241586"]
    assert values(Digits(8, 8), "four to free six four one five eight") == ["42364158"]
    assert values(Digits(8, 8), "it's a number four eight two nine one three five seven") == ["48291357"]
    assert values(Digits(8, 8), "a one two four") == ["124"]
    assert values(Digits(8, 8), "a one two four one five eight six", expected=False) == []


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("four eight two nine one three five seven no eight", "48291358"),
        ("four eight two nine one three five seven sorry six eight", "48291368"),
        ("four eight two no four eight two nine one three five seven", "48291357"),
        ("it's four eight two nine one three five seven okay", "48291357"),
    ],
)
def test_digits_that_are_said_again_take_the_place_of_the_last(sentence: str, number: str) -> None:
    assert values(Digits(8, 8), sentence) == [number]


def test_the_length_of_a_number_tells_how_its_words_are_written() -> None:
    said = "six thousand eighty one twenty five"
    assert values(Digits(8, 8), said, expected=False) == ["60008125"]
    assert values(Digits(6, 6), said) == ["608125"]
    assert values(Digits(4, 4), said) == ["608125"]


def test_a_choice_is_said_as_the_dialplan_has_it() -> None:
    assert PLACE.say("door") == "to your door"
    assert PLACE.say("shop") == "shop"


def test_digits_of_the_right_length_are_taken_anywhere_and_others_only_when_asked_for() -> None:
    kind = Digits(4, 6)
    assert values(kind, "my number is one two three four and i have two cats", expected=False) == ["1234"]
    assert values(kind, "one two three", expected=False) == []
    assert values(kind, "one two three") == ["123"]
    assert values(kind, "one two no sorry three four") == ["1234"]
    assert values(kind, "nothing") == []


def test_a_text_is_all_that_was_said_and_only_when_asked_for() -> None:
    assert values(Text(), "call me back") == ["call me back"]
    assert values(Text(), "call me back", expected=False) == []


def test_a_yes_with_more_in_it_answers_only_when_asked_for() -> None:
    assert values(YesNo(), "yes on tuesday") == ["yes"]
    assert values(YesNo(), "yes on tuesday", expected=False) == []


@pytest.mark.parametrize(
    ("kind", "value", "allowed"),
    [
        (Day(frozenset({"sunday"})), "sunday", False),
        (Day(frozenset({"sunday"})), "next sunday", False),
        (Day(frozenset({"sunday"})), "sunday 3", False),
        (Day(frozenset({"sunday"})), "monday", True),
        (Day(frozenset({"sunday"})), "tomorrow", True),
        (Time("08:30", "17:00"), "08:29", False),
        (Time("08:30", "17:00"), "08:30", True),
        (Time("08:30", "17:00"), "17:00", True),
        (Time("08:30", "17:00"), "17:01", False),
        (Time("08:30", "17:00"), "morning", True),
        (Time(), "23:59", True),
    ],
)
def test_values_that_cannot_be_are_refused(kind: Kind, value: str, allowed: bool) -> None:
    assert kind.allows(value) is allowed


@pytest.mark.parametrize("kind", [Day(), Time(), PLACE, YesNo(), Digits(8, 8)])
def test_every_example_of_a_kind_is_a_value_of_it(kind: Kind) -> None:
    assert kind.examples()
    assert [text for text in kind.examples() if not values(kind, text)] == []


@pytest.mark.parametrize("kind", [Day(), Time(), PLACE, YesNo(), Digits(8, 8)])
def test_every_answer_that_the_recognizer_is_told_to_expect_contains_a_value(kind: Kind) -> None:
    assert set(kind.answers()) >= set(kind.examples())
    assert [text for text in kind.answers() if not values(kind, text)] == []
