"""Kinds of values an agent asks for."""

import pytest

from phone_daemon.mind.slots import (
    YES_NO_EXAMPLES,
    Choice,
    Day,
    Digits,
    Kind,
    Text,
    Time,
    YesNo,
    only_yes_or_no,
    yes_or_no,
)
from phone_daemon.mind.words import words

PLACE = Choice(
    {"door": ("front door", "at home"), "neighbour": ("neighbour", "next door"), "shop": ("parcel shop", "shop")},
    {"door": "to your door"},
)


def values(kind: Kind, sentence: str, expected: bool = True) -> list[str]:
    return [found.value for found in kind.find(words(sentence), expected)]


@pytest.mark.parametrize(
    ("sentence", "answer", "only"),
    [
        ("yes", "yes", True),
        ("yes please that's right", "yes", True),
        ("please do", "yes", True),
        ("okay", "yes", True),
        ("that is correct", "yes", True),
        ("yes on tuesday", "yes", False),
        ("no", "no", True),
        ("no thank you", "no", True),
        ("that's not right", "no", True),
        ("never mind", "no", True),
        ("that's all", "no", True),
        ("no that's everything", "no", True),
        ("no wednesday", "no", False),
        ("that's all right", "yes", True),
        ("no problem", "yes", True),
        ("tuesday", "", False),
        ("", "", False),
        ("that is", "", False),
    ],
)
def test_a_yes_or_a_no_is_told_from_other_words(sentence: str, answer: str, only: bool) -> None:
    assert yes_or_no(words(sentence)) == answer
    assert only_yes_or_no(words(sentence)) is only


def test_every_example_of_yes_and_no_is_understood() -> None:
    assert [text for text in YES_NO_EXAMPLES if not only_yes_or_no(text.split())] == []


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
def test_every_answer_that_the_recogniser_is_told_to_expect_has_a_value_in_it(kind: Kind) -> None:
    assert set(kind.answers()) >= set(kind.examples())
    assert [text for text in kind.answers() if not values(kind, text)] == []
