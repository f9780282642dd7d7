"""Which words were heard, and which of them a call has lost."""

from __future__ import annotations

import pytest

from ops.ab.words import hits, lost, words


@pytest.mark.parametrize(
    ("said", "heard", "there"),
    [
        ("book an appointment", "book an appointment", {0, 1, 2}),
        ("book an appointment", "an appointment", {1, 2}),
        ("book an appointment", "look at an appointment", {1, 2}),
        ("book an appointment", "", set()),
        ("", "hello", set()),
        ("no no no", "no no", {1, 2}),
        ("one two three", "three two one", {1}),
    ],
)
def test_words_that_were_heard_in_their_place(said: str, heard: str, there: set[int]) -> None:
    assert hits(said.split(), heard.split()) == there


def test_case_and_punctuation_do_not_count() -> None:
    assert words("That’s right: Half past TEN.") == ["that's", "right", "half", "past", "ten"]


def test_what_the_engine_does_not_hear_anyway_is_not_lost() -> None:
    assert lost("i need an appointment", "i need a appointment", "need appointment") == (1, 3)


def test_what_only_the_call_heard_is_no_loss() -> None:
    """Where the daemon knows what is expected, more is understood than of the recording alone."""
    assert lost("on tuesday at ten", "on day at ten", "on tuesday at ten") == (0, 3)
