"""Yes and no, however they are said."""

import pytest

from phone_daemon.language.words import words
from phone_daemon.language.yes_no import YES_NO_EXAMPLES, only_yes_or_no, yes_or_no


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
        ("that'd be great thanks", "yes", True),
        ("sounds good", "yes", True),
        ("spot on", "yes", True),
        ("mhm", "yes", True),
        ("of course", "yes", True),
        ("i do", "yes", True),
        ("yes it is", "yes", True),
        ("why not", "yes", True),
        ("no worries", "yes", True),
        ("i don't mind", "yes", True),
        ("i do need another day", "", False),
        ("of course not", "no", True),
        ("not quite", "no", True),
        ("i'm afraid that's incorrect", "no", True),
        ("i don't think so", "no", True),
        ("nah", "no", True),
        ("uh-uh", "no", True),
        ("sure thing", "yes", True),
        ("fine by me", "yes", True),
        ("i believe so", "yes", True),
        ("not really", "no", True),
        ("that's it", "", False),
        ("tuesday", "", False),
        ("", "", False),
        ("that is", "", False),
    ],
)
def test_a_yes_or_a_no_is_told_from_other_words(sentence: str, answer: str, only: bool) -> None:
    assert yes_or_no(words(sentence)) == answer
    assert only_yes_or_no(words(sentence)) is only


def test_every_example_of_yes_and_no_is_understood() -> None:
    assert [text for text in YES_NO_EXAMPLES if not only_yes_or_no(words(text))] == []


@pytest.mark.parametrize("sentence", ["that's it", "yes that's it", "that's the one", "you've got it"])
def test_that_is_it_confirms_what_was_asked_about(sentence: str) -> None:
    assert yes_or_no(words(sentence), confirming=True) == "yes"
    assert only_yes_or_no(words(sentence), confirming=True)


def test_that_is_not_it_confirms_nothing() -> None:
    assert yes_or_no(words("that's not it"), confirming=True) == "no"
