"""Whether what has been said so far calls for more."""

from __future__ import annotations

import pytest

from phone_daemon.stt.unfinished import calls_for_more, leans_on, only_opens


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("i would like to", True),
        ("My number is", True),
        ("on tuesday and, um,", True),
        ("at half past ten or the", True),
        ("The trouble is that", True),
        ("I spoke to Mrs.", True),
        ("I'd pay. It's for", True),
        ("", False),
        ("yes", False),
        ("i would like to book an appointment", False),
        ("no i can't make it", False),
        ("two zero four one", False),
        ("He told me that.", False),
    ],
)
def test_a_turn_does_not_end_in_the_middle_of_a_sentence(text: str, more: bool) -> None:
    assert calls_for_more(text) is more


@pytest.mark.parametrize(
    ("whole", "begun"),
    [
        ("Who is it for?", "Is it for"),
        ("What are you looking at?", "I'm looking at"),
        ("I don't know where it was.", "I think it was"),
        ("Who do I talk to?", "Who do I have to"),
    ],
)
def test_a_word_that_takes_an_object_may_come_last_if_its_object_came_first(whole: str, begun: str) -> None:
    assert not calls_for_more(whole)
    assert calls_for_more(begun)


@pytest.mark.parametrize(
    ("whole", "begun"),
    [
        ("That's what I ordered.", "My brother ordered"),
        ("No, it doesn't.", "The old key doesn't"),
        ("Nobody called me.", "Could you send me"),
        ("When are you open?", "When I get home"),
        ("If it rains, we stay.", "If it rains"),
    ],
)
def test_what_lacks_an_object_a_verb_or_its_main_clause_may_go_on(whole: str, begun: str) -> None:
    assert not leans_on(whole)
    assert leans_on(begun)


@pytest.mark.parametrize(("text", "opens"), [("Good morning.", True), ("Well, actually,", True), ("Hello?", False)])
def test_a_greeting_opens_a_turn_unless_it_asks_for_an_answer(text: str, opens: bool) -> None:
    assert only_opens(text) is opens
    assert not only_opens(text + " I lost my keys.")
