"""Days and times that are named only to be ruled out."""

import pytest

from phone_daemon.language.days import find_days
from phone_daemon.language.refused import wanted
from phone_daemon.language.times import find_times
from phone_daemon.language.words import words


@pytest.mark.parametrize(
    ("sentence", "days"),
    [
        ("not tuesday wednesday", ["wednesday"]),
        ("wednesday rather than tuesday", ["wednesday"]),
        ("any day except friday", ["any day"]),
        ("anything but monday", []),
        ("i prefer tuesday to wednesday", ["tuesday"]),
        ("i can't do monday or tuesday so friday", ["friday"]),
        ("monday's no good how about friday", ["friday"]),
        ("tuesday doesn't suit", []),
        ("tuesday not too early", ["tuesday"]),
        ("monday or friday", ["monday", "friday"]),
    ],
)
def test_days_that_are_ruled_out_are_no_answer(sentence: str, days: list[str]) -> None:
    said = words(sentence)
    assert [each.value for each in wanted(find_days(said), said, expected=True)] == days


def test_who_cannot_come_on_a_day_names_it() -> None:
    said = words("i can't come on tuesday")
    assert [each.value for each in wanted(find_days(said), said, expected=False)] == ["tuesday"]


def test_times_are_ruled_out_too() -> None:
    said = words("nine's too early what about ten thirty")
    assert [each.value for each in wanted(find_times(said, expected=True), said, expected=True)] == ["10:30"]
