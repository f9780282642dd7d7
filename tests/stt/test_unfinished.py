from __future__ import annotations

import pytest

from phone_daemon.stt.unfinished import calls_for_more


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("i would like to", True),
        ("My number is", True),
        ("on tuesday and, um,", True),
        ("at half past ten or the", True),
        ("", False),
        ("yes", False),
        ("i would like to book an appointment", False),
        ("no i can't make it", False),
        ("two zero four one", False),
    ],
)
def test_a_turn_does_not_end_in_the_middle_of_a_sentence(text: str, more: bool) -> None:
    assert calls_for_more(text) is more
