"""Yes and no, however they are said."""

import pytest

from phone_daemon.language.words import words
from phone_daemon.language.yes_no import YES_NO_EXAMPLES, gives_up, only_yes_or_no, yes_or_no


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
        ("right now", "", False),
        ("we're okay now", "", False),
        ("not right now", "no", True),
        ("yes right now", "yes", True),
        ("of course not", "no", True),
        ("not quite", "no", True),
        ("i'm afraid that's incorrect", "no", True),
        ("i don't think so", "no", True),
        ("nah", "no", True),
        ("uh-uh", "no", True),
        ("sure thing", "yes", True),
        ("fine by me", "yes", True),
        ("i believe so", "yes", True),
        ("i think no", "no", True),
        ("i think no problem", "yes", True),
        ("not really", "no", True),
        ("wait no", "no", True),
        ("hang on a second no", "no", True),
        ("no wait", "no", True),
        ("wait a moment", "", False),
        ("wait please", "", False),
        ("mm-hm", "yes", True),
        ("mm-mm", "no", True),
        ("nuh-uh", "no", True),
        ("uh, uh", "no", True),
        ("uh, uh, tuesday", "", False),
        ("totally", "yes", True),
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


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("yes that's what i want", "yes"),
        ("that's exactly what i said", "yes"),
        ("you got it", "yes"),
        ("you've understood me perfectly", "yes"),
        ("go for it", "yes"),
        ("i guess", "yes"),
        ("that works nicely for me", "yes"),
        ("couldn't be better", "yes"),
        ("i don't see why not", "yes"),
        ("not a problem at all", "yes"),
        ("let's do that", "yes"),
        ("i'd be happy with that", "yes"),
        ("no no that's right", "yes"),
        ("book it please", "yes"),
        ("um please", "yes"),
        ("no that's wrong", "no"),
        ("absolutely not", "no"),
        ("yeah no", "no"),
        ("you misheard me", "no"),
        ("that's not what i said", "no"),
        ("you've got that all wrong", "no"),
        ("that can't be right", "no"),
        ("that doesn't suit me", "no"),
        ("i'd rather not", "no"),
        ("i said something else", "no"),
    ],
)
def test_whole_sentences_confirm_or_deny(sentence: str, answer: str) -> None:
    assert yes_or_no(words(sentence), confirming=True) == answer
    assert only_yes_or_no(words(sentence), confirming=True)


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("no the day is fine", "yes"),
        ("yeah no it's all perfectly okay", "yes"),
        ("you're not wrong", "yes"),
        ("i can't fault it", "yes"),
        ("i can't see anything wrong with that", "yes"),
        ("nothing is wrong", "yes"),
        ("not great but yes", "yes"),
        ("don't worry that's right", "yes"),
        ("right yes", "yes"),
        ("right no", "no"),
        ("that doesn't look correct to me", "no"),
        ("i'm not sure that is correct", "no"),
        ("i wouldn't say it's ideal", "no"),
        ("i am not at all happy with it", "no"),
        ("it's nearly right", "no"),
        ("that's much too early for me", "no"),
        ("yes that's wrong", "no"),
        ("i cannot do that", "no"),
        ("far from it", "no"),
        ("i'm not sure", ""),
        ("i don't know", ""),
    ],
)
def test_what_is_judged_counts_with_what_denies_it(sentence: str, answer: str) -> None:
    assert yes_or_no(words(sentence), confirming=True) == answer


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [("that's lovely thank you", "no"), ("great", "no"), ("no that's fine", "no"), ("okay", "yes"),
     ("yes please one more thing", "yes"), ("i've got another question", "yes")],
)  # fmt: skip
def test_praise_after_anything_else_wants_nothing(sentence: str, answer: str) -> None:
    assert yes_or_no(words(sentence), closing=True) == answer
    assert only_yes_or_no(words(sentence), closing=True)


@pytest.mark.parametrize("sentence", ["yes but later", "yes only another room please"])
def test_a_yes_with_a_but_does_not_confirm(sentence: str) -> None:
    assert yes_or_no(words(sentence), confirming=True) == "no"
    assert not only_yes_or_no(words(sentence), confirming=True)


def test_another_request_does_not_confirm() -> None:
    for sentence in ("cancel it", "cancel the appointment", "make it eleven"):
        assert yes_or_no(words(sentence), confirming=True) == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "i'm good thanks",
        "that's the lot thank you",
        "no that's it",
        "you've been very helpful",
        "not right now",
        "we're done here",
    ],
)
def test_nothing_else_is_said_in_many_ways(sentence: str) -> None:
    assert yes_or_no(words(sentence), closing=True) == "no"
    assert only_yes_or_no(words(sentence), closing=True)


@pytest.mark.parametrize(
    ("sentence", "given"),
    [
        ("forget it", True),
        ("oh never mind then", True),
        ("scrap that i don't need it", True),
        ("i've changed my mind", True),
        ("i don't want to any more", True),
        ("forget about friday", False),
        ("i don't want to wait", False),
        ("no", False),
        ("", False),
    ],
)
def test_what_was_talked_about_is_given_up_by_itself_alone(sentence: str, given: bool) -> None:
    assert gives_up(words(sentence)) is given


def test_an_apology_with_please_asks_again_and_is_no_yes() -> None:
    assert yes_or_no(["sorry", "please"]) == ""
    assert yes_or_no(["please"]) == "yes"
