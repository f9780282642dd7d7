"""Days and times as callers say them, and as the agent says them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.language.days import MONTHS, ORDINALS, WEEKDAYS, find_days
from phone_daemon.language.times import PARTS, find_times, say_time
from phone_daemon.language.words import words


@pytest.mark.parametrize(
    ("sentence", "times"),
    [
        ("at ten", ["10:00"]),
        ("ten o'clock", ["10:00"]),
        ("at two", ["14:00"]),
        ("at two in the morning", ["02:00"]),
        ("ten in the morning", ["10:00"]),
        ("seven in the evening", ["19:00"]),
        ("half past ten", ["10:30"]),
        ("a quarter to three", ["14:45"]),
        ("quarter to one", ["12:45"]),
        ("twenty past four", ["16:20"]),
        ("twenty five minutes to six", ["17:35"]),
        ("nine oh five", ["09:05"]),
        ("ten thirty", ["10:30"]),
        ("eleven forty five", ["11:45"]),
        ("fourteen thirty", ["14:30"]),
        ("10:30", ["10:30"]),
        ("half two", ["14:30"]),
        ("half an hour", []),
        ("quarter of nine", ["08:45"]),
        ("quarter to nine", ["08:45"]),
        ("ten minutes after eight", ["08:10"]),
        ("twenty fifteen", ["20:15"]),
        ("fourteen hundred", ["14:00"]),
        ("tuesday ten", ["10:00"]),
        ("three on friday", ["15:00"]),
        ("at ten no eleven", ["10:00", "11:00"]),
        ("at ten i mean half past", ["10:00"]),
        ("make it ten", ["10:00"]),
        ("i'd like two appointments", []),
        ("good morning", []),
        ("it broke this morning", []),
        ("mornings are best", ["morning"]),
        ("after lunch", ["afternoon"]),
        ("tonight", ["evening"]),
        ("lunchtime", ["12:00"]),
        ("at 9 am", ["09:00"]),
        ("3 p.m.", ["15:00"]),
        ("twelve thirty am", ["00:30"]),
        ("noon", ["12:00"]),
        ("midnight", ["00:00"]),
        ("tomorrow morning at nine", ["09:00"]),
        ("in the afternoon", ["afternoon"]),
        ("morning or afternoon", ["morning", "afternoon"]),
        ("any time", ["any time"]),
        ("whenever", ["any time"]),
        ("at nine or at ten", ["09:00", "10:00"]),
        ("25:00", []),
        ("i need two appointments", []),
        ("ten", []),
        ("elevenish on monday", ["11:00"]),
    ],
)
def test_times(sentence: str, times: list[str]) -> None:
    assert [found.value for found in find_times(words(sentence))] == times


@pytest.mark.parametrize(
    ("sentence", "time"),
    [("first thing", "morning"), ("as early as possible", "morning"), ("the nine o'clock one", "09:00"),
     ("any time's good", "any time"), ("it doesn't matter", "any time"), ("you decide", "any time"),
     ("two ish", "14:00")],
)  # fmt: skip
def test_an_answer_may_leave_the_time_open(sentence: str, time: str) -> None:
    assert [found.value for found in find_times(words(sentence), expected=True)] == [time]


def test_a_bare_number_is_a_time_only_when_a_time_was_asked_for() -> None:
    assert [found.value for found in find_times(["ten"], expected=True)] == ["10:00"]


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_that_the_agent_says_is_understood_as_the_same_time(hour: int, minute: int) -> None:
    value = f"{hour:02d}:{minute:02d}"
    half = "am" if hour < 12 else "pm"
    said = say_time(value)
    sentence = words(said if said in ("at noon", "at midnight") else f"{said} {half}")
    assert [found.value for found in find_times(sentence)] == [value]


@given(st.lists(st.sampled_from([*WEEKDAYS, *MONTHS, *ORDINALS[1:21], *PARTS, "the", "of", "to", "past", "half", "ten",
                                 "twenty", "oh", "o'clock", "am", "at", "10:61", "next", "any", "day"])))  # fmt: skip
def test_any_words_give_values_within_the_sentence(sentence: list[str]) -> None:
    for found in (*find_days(sentence), *find_times(sentence, expected=True)):
        assert 0 <= found.start < found.end <= len(sentence)
        assert found.value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("10:00", "at ten o'clock"),
        ("14:30", "at two thirty"),
        ("09:05", "at nine oh five"),
        ("16:42", "at four forty two"),
        ("12:00", "at noon"),
        ("00:00", "at midnight"),
        ("morning", "in the morning"),
        ("any time", "at any time"),
    ],
)
def test_the_agent_says_a_time_with_its_preposition(value: str, said: str) -> None:
    assert say_time(value) == said
