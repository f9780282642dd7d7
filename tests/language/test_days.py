"""Days as callers say them, and as the agent says them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.language.days import MONTHS, WEEKDAYS, find_days, say_day
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
        ("tuesday'd be good", ["tuesday"]),
        ("thurs or fri", ["thursday", "friday"]),
        ("monday of next week", ["next monday"]),
        ("next week on monday", ["next monday"]),
        ("monday next", ["next monday"]),
        ("the end of the week friday", ["friday"]),
        ("a week today", ["today week"]),
        ("week on friday", ["friday week"]),
        ("next week on friday", ["next friday"]),
        ("tomorrow's fine", ["tomorrow"]),
        ("not tomorrow the day after", ["tomorrow", "the day after tomorrow"]),
        ("a fortnight on monday", ["monday fortnight"]),
        ("tomorrow fortnight", ["tomorrow fortnight"]),
        ("two weeks from wednesday", ["wednesday fortnight"]),
        ("in two weeks", ["today fortnight"]),
        ("in four days", ["in 4 days"]),
        ("the monday after next", ["monday after next"]),
        ("the last friday in june", ["last friday of june"]),
        ("the second tuesday of next month", ["second tuesday of next month"]),
        ("the first of next month", ["1 next month"]),
        ("the ninth of this month", ["9"]),
        ("christmas eve", ["24 december"]),
        ("on good friday", ["good friday"]),
    ],
)
def test_days(sentence: str, days: list[str]) -> None:
    assert [found.value for found in find_days(words(sentence))] == days


def test_an_ordinal_alone_is_a_day_only_when_a_day_was_asked_for() -> None:
    assert find_days(["the", "third"]) == []
    assert [found.value for found in find_days(["the", "third"], expected=True)] == ["3"]


@pytest.mark.parametrize(
    ("sentence", "day"),
    [("twenty third", "23"), ("i don't mind", "any day"), ("whichever day you like", "any day"),
     ("i'm easy", "any day"), ("monday i don't mind", "monday")],
)  # fmt: skip
def test_an_answer_may_be_a_date_alone_or_leave_the_day_open(sentence: str, day: str) -> None:
    assert [found.value for found in find_days(words(sentence), expected=True)] == [day]
    assert find_days(words(sentence.replace("monday ", ""))) == []


@given(
    st.one_of(
        st.sampled_from(
            [
                *WEEKDAYS,
                *(f"{each} week" for each in (*WEEKDAYS, "tomorrow")),
                *(f"next {day}" for day in WEEKDAYS),
                *(f"{each} fortnight" for each in ("today", "tomorrow", *WEEKDAYS)),
                *(f"{day} after next" for day in WEEKDAYS),
                *(f"last {day} of june" for day in WEEKDAYS),
                *(f"in {count} days" for count in range(2, 10)),
                *(f"{date} next month" for date in range(1, 32)),
                "first monday of the month",
                "third sunday of next month",
                "today week",
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
