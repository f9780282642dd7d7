from __future__ import annotations

import pytest

from phone_daemon.language.remarks import DENIAL, ENOUGH, asks_for_floor, claim, is_remark, wants_floor


@pytest.mark.parametrize(
    "text",
    ["", "...", "okay okay stop", "no", "wait", "yes but on Tuesday", "right away please", "hello", "mm yes yes okay"],
)
def test_whoever_says_more_wants_the_floor(text: str) -> None:
    assert not is_remark(text)


def test_a_dialplan_may_have_remarks_of_its_own() -> None:
    assert is_remark("Ja, genau!", ["ja", "genau"])
    assert not is_remark("okay", ["ja", "genau"])
    assert not is_remark("okay", [])


@pytest.mark.parametrize("text", ["Stop.", "What about?", "Okay, but when", "No, that's", "no no no", "That's wrong"])
def test_the_first_words_of_who_wants_something_are_enough(text: str) -> None:
    assert wants_floor(text, over=False)


@pytest.mark.parametrize("text", ["", "And?", "God.", "I", "Oh,", "Yeah, listen", "Uh-huh", "Okay.", "No", "No, okay"])
def test_what_may_still_become_a_remark_is_not(text: str) -> None:
    assert not wants_floor(text, over=False)


def test_a_mere_no_counts_once_it_is_over() -> None:
    assert wants_floor("No.") and not wants_floor("No, okay.")


@pytest.mark.parametrize("text", ["Please.", "That's please.", "Yes, please."])
def test_the_end_of_a_yes_please_takes_no_floor(text: str) -> None:
    assert not wants_floor(text)


def test_words_that_callers_are_known_to_say_are_wanted() -> None:
    assert not wants_floor("Tuesday.")
    assert wants_floor("Tuesday.", vocabulary=frozenset(["tuesday"]))


@pytest.mark.parametrize("text", ["I don't", "Just a month.", "Let me", "No, no", "One question", "I can"])
def test_words_that_ask_for_the_floor(text: str) -> None:
    assert asks_for_floor(text)


@pytest.mark.parametrize("text", ["That was the fourth goal of the match.", "I put them on the table", "No", ""])
def test_a_conversation_beside_the_caller_is_no_request_however_long(text: str) -> None:
    assert not asks_for_floor(text)


def test_words_that_callers_are_known_to_say_ask_for_it() -> None:
    assert asks_for_floor("an appointment", frozenset(("appointment",)))


def test_the_beginning_of_such_a_word_will_do_as_long_as_more_may_come() -> None:
    assert wants_floor("One quest", over=False) and not wants_floor("One quest")
    assert wants_floor("Some", over=False) is False and not wants_floor("Hell", over=True)
    for text in ("Yeah.", "Real.", "Exact", "Right"):
        assert not wants_floor(text, over=False)


@pytest.mark.parametrize("text", ["Yes, but", "Okay, but I", "Right but so"])
def test_a_but_after_a_remark_objects(text: str) -> None:
    assert wants_floor(text, over=False)


@pytest.mark.parametrize("text", ["But.", "I'll but", "Button"])
def test_a_lone_but_may_be_anything(text: str) -> None:
    assert not wants_floor(text, over=False)


@pytest.mark.parametrize("text", ["Okay.", "That's right.", "No problem.", "Makes sense", "Really?", "How nice!", ""])
def test_a_remark_claims_nothing(text: str) -> None:
    assert claim(text, over=False) == 0


def test_a_claim_grows_with_every_word_that_is_no_remark() -> None:
    assert 0 < claim("I'm on") < claim("It's Monday") < claim("On Monday morning") >= ENOUGH
    assert claim("Oh, no", over=False) == DENIAL < ENOUGH
    assert claim("no problem with Monday") >= ENOUGH  # Words of a remark that say something else here.
