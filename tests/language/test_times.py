"""Days and times as callers say them, and as the agent says them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.language.times import MONTHS, ORDINALS, PARTS, WEEKDAYS, find_days, find_times, say_day, say_time
from phone_daemon.language.words import words


@pytest.mark.parametrize(
    ("sentence", "days"),
    [
        ("on tuesday", ["tuesday"]),
        ("next friday please", ["next friday"]),
        ("this monday", ["monday"]),
        ("mondays or wednesdays", ["monday", "wednesday"]),
        ("sunday's fine", ["sunday"]),
        ("today", ["today"]),
        ("not tomorrow but the day after tomorrow", ["tomorrow", "the day after tomorrow"]),
        ("any day", ["any day"]),
        ("tuesday the twenty third", ["tuesday 23"]),
        ("tuesday 3rd", ["tuesday 3"]),
        ("the third of march", ["3 march"]),
        ("march the third", ["3 march"]),
        ("march twenty one", ["21 march"]),
        ("may i come in may", []),
        ("at three may i come", []),
        ("the third may", ["3 may"]),
        ("on may third", ["3 may"]),
        ("twelve december", ["12 december"]),
        ("tuesday the third of may", ["tuesday 3 may"]),
        ("tuesday may third", ["tuesday 3 may"]),
        ("a week on friday", ["friday week"]),
        ("friday week", ["friday week"]),
        ("a week from monday please", ["monday week"]),
        ("a week tomorrow", ["tomorrow week"]),
        ("tonight", ["today"]),
        ("on the fifteenth at ten", ["15"]),
        ("on the third floor", []),
        ("tuesday no wednesday", ["tuesday", "wednesday"]),
        ("the second one", []),
        ("one moment", []),
    ],
)
def test_days(sentence: str, days: list[str]) -> None:
    assert [found.value for found in find_days(words(sentence))] == days


def test_an_ordinal_alone_is_a_day_only_when_a_day_was_asked_for() -> None:
    assert find_days(["the", "third"]) == []
    assert [found.value for found in find_days(["the", "third"], expected=True)] == ["3"]


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
    ],
)
def test_times(sentence: str, times: list[str]) -> None:
    assert [found.value for found in find_times(words(sentence))] == times


def test_a_bare_number_is_a_time_only_when_a_time_was_asked_for() -> None:
    assert [found.value for found in find_times(["ten"], expected=True)] == ["10:00"]


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_that_the_agent_says_is_understood_as_the_same_time(hour: int, minute: int) -> None:
    value = f"{hour:02d}:{minute:02d}"
    half = "am" if hour < 12 else "pm"
    said = say_time(value)
    sentence = words(said if said in ("at noon", "at midnight") else f"{said} {half}")
    assert [found.value for found in find_times(sentence)] == [value]


@given(
    st.one_of(
        st.sampled_from(
            [
                *WEEKDAYS,
                *(f"{each} week" for each in (*WEEKDAYS, "tomorrow")),
                *(f"next {day}" for day in WEEKDAYS),
                "today",
                "tomorrow",
                "the day after tomorrow",
            ]
        ),
        st.builds(lambda day, month: f"{day} {month}", st.integers(1, 31), st.sampled_from(MONTHS)),
        st.builds(lambda name, day: f"{name} {day}", st.sampled_from(WEEKDAYS), st.integers(1, 31)),
        st.integers(1, 31).map(str),
    )
)
def test_a_day_that_the_agent_says_is_understood_as_the_same_day(value: str) -> None:
    assert [found.value for found in find_days(words(say_day(value)), expected=True)] == [value]


@given(st.lists(st.sampled_from([*WEEKDAYS, *MONTHS, *ORDINALS[1:21], *PARTS, "the", "of", "to", "past", "half", "ten",
                                 "twenty", "oh", "o'clock", "am", "at", "10:61", "next", "any", "day"])))  # fmt: skip
def test_any_words_give_values_within_the_sentence(sentence: list[str]) -> None:
    for found in (*find_days(sentence), *find_times(sentence, expected=True)):
        assert 0 <= found.start < found.end <= len(sentence)
        assert found.value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("tuesday", "on Tuesday"),
        ("next tuesday", "next Tuesday"),
        ("tomorrow", "tomorrow"),
        ("3 march", "on the third of March"),
        ("tuesday 23", "on Tuesday the twenty third"),
        ("any day", "on any day"),
        ("friday week", "a week on Friday"),
        ("tuesday 3 may", "on Tuesday the third of May"),
    ],
)
def test_the_agent_says_a_day_with_its_preposition(value: str, said: str) -> None:
    assert say_day(value) == said


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
