from __future__ import annotations

import pytest

from phone_daemon.text.abbreviations import ends_sentence, goes_on, last_word


@pytest.mark.parametrize(
    ("before", "mark", "after", "ends"),
    [
        ("Ask Dr", ".", "", False),
        ("We are open", ".", "", True),
        ("Really", "?", "", True),
        ("“Really", "?”", "", None),
        ("“Really", "?”", "she", False),
        ("“Really", "?”", "She", True),
        ("Well", "...", "", None),
        ("Well", "…", "yes", False),
        ("at 5 p.m", ".", "", None),
        ("at 5 p.m", ".", "T", None),
        ("at 5 p.m", ".", "Th", None),
        ("at 5 p.m", ".", "The", True),
        ("at 5 p.m", ".", "Thursday", None),
        ("at 5 p.m", ".", "Thursday,", False),
        ("at 5 p.m", ".", "“Wednesday ", False),
        ("at 5 p.m", ".", "today", False),
        ("the U.S", ".", "Army ", False),
        ("the U.S", ".", "You’re ", True),
        ("J", ".", "I. Smith", False),
        ("It was I", ".", "", True),
        ("No", ".", "5", False),
        ("No", ".", "I", True),
        ("1", ".", "", False),
        ("in 2024", ".", "", True),
        ("pens etc", ".", "and", False),
        ("pens etc", ".", "And", True),
    ],
)
def test_a_full_stop_ends_a_sentence_or_not_or_the_next_word_will_tell(
    before: str, mark: str, after: str, ends: bool | None
) -> None:
    assert ends_sentence(before, mark, after) is ends


@pytest.mark.parametrize("word", ["Dr.", "e.g.", "J.", "U.S.", "St.", "No."])
def test_when_nothing_follows_for_now_a_title_is_held_back(word: str) -> None:
    assert goes_on(word)


@pytest.mark.parametrize("word", ["open.", "p.m.", "etc.", "min.", "I.", "Dr", ""])
def test_and_what_may_well_be_the_end_is_not(word: str) -> None:
    assert not goes_on(word)


def test_a_last_word_stands_without_what_opens_it() -> None:
    assert last_word("he said (“Dr") == "Dr"
    assert last_word("he said ") == last_word("") == ""
