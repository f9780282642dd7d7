"""Numbers as people say them."""

from __future__ import annotations

import pytest

from sidecars.spoken_digits import begins_number, has_lone_pair, number_words, readings


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("double four triple oh", ["44000"]),
        ("thirty-five ninety two, ten", ["359210"]),
        ("forty oh two", ["4002"]),
        ("eighteen hundred", ["1800"]),
        ("eight hundred five five", ["80055"]),
        ("six thousand, eighty-one twenty-five", ["608125", "60008125"]),
        ("two hundred and sixty-five, one", ["2651", "200651"]),
        ("seventy-one seventy, eight thousand", ["7178000", "71708000"]),
        ("seventy eight one", ["781"]),
        ("four thousand two hundred", ["4200", "4000200"]),
        ("four double", []),
        ("four taxi two", []),
        ("", []),
    ],
)
def test_every_way_to_write_it_the_usual_one_first(said: str, written: list[str]) -> None:
    assert list(readings(said.replace(",", "").replace("-", " ").split())) == written


def test_the_words_of_a_number_are_those_from_its_first_to_its_last() -> None:
    assert number_words("Okay, it's 47, eight to five, please.") == ["four", "seven", "eight", "two", "five"]
    assert number_words("Good morning to you.") == []


def test_what_begins_a_number() -> None:
    assert [begins_number(text) for text in ("double four", "4 2", "it's four", "")] == [True, True, False, False]


def test_one_word_for_two_digits_amid_digits_is_a_lone_pair() -> None:
    said = ("four nine two fourteen four four nine", "six four seven zero five ninety", "four seventy-one, five twelve")
    assert [has_lone_pair(number_words(each)) for each in said] == [True, True, False]
    assert not has_lone_pair(number_words("eight three eight six, seventy-five sixty-five"))
    assert not has_lone_pair(number_words("four seven one three"))
