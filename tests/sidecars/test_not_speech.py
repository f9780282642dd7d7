"""What was said, and what the recognizer made up."""

from __future__ import annotations

from typing import Any

import pytest

from sidecars.engines.not_speech import ANSWER, goes_round, is_answer, is_speech
from sidecars.engines.voiced import Voiced


def voice(windows: Any, probability: Any = 0.9) -> Voiced:
    voiced = Voiced()
    voiced.windows[:] = [probability] * windows
    return voiced


def test_there_must_be_a_voice() -> None:
    assert is_speech(voice(3), -0.2, "Thank you.")
    assert not is_speech(voice(2), -0.01, "Thank you.")


def test_a_whole_utterance_that_is_no_answer_has_more_voice_than_a_word_so_far() -> None:
    assert is_speech(voice(4), 0.5, "Thank you.")
    assert not is_speech(voice(4), 0.5, "Thank you.", whole=True)
    assert is_speech(voice(6), 0.5, "Thank you.", whole=True)
    assert is_speech(voice(4), 0.5, "Yes.", whole=True, answer=True)
    assert not is_speech(voice(20, 0.4), -0.1, "When are you open?", whole=True)
    assert is_speech(voice(20, 0.4), 0.1, "When are you open?", whole=True)


def test_for_what_is_expected_there_may_have_been_one() -> None:
    assert is_speech(voice(6, 0.4), 0.5, "That's not it.")
    assert not is_speech(voice(6, 0.4), -0.1, "Thank you.")
    assert not is_speech(voice(6, 0.1), 0.5, "That's not it.")


def test_an_answer_to_what_was_asked_may_be_less_sure() -> None:
    assert is_speech(voice(4), -0.5, "Correct.", answer=True)
    assert not is_speech(voice(4), -0.5, "Correct.")
    assert not is_speech(voice(4), -0.7, "Correct.", answer=True)
    assert not is_speech(voice(2), -0.5, "Correct.", answer=True)


def test_an_expected_answer_needs_to_be_the_less_likely_the_more_of_a_voice_there_is() -> None:
    assert is_answer(voice(4, 0.2), ANSWER + 0.1)
    assert not is_answer(voice(4, 0.2), ANSWER - 0.1)
    assert is_answer(voice(10, 0.4), ANSWER - 4.0)
    assert not is_answer(voice(5, 0.4), ANSWER - 4.0)
    assert not is_answer(voice(200), -16.0)


def test_the_model_must_be_sure_enough() -> None:
    assert is_speech(voice(60), -0.3, "I have to go to the dentist")
    assert not is_speech(voice(60), -0.4, "Or is there an incident in the conference?")


@pytest.mark.parametrize(
    "text",
    [
        "Oh, oh, oh, oh, oh, oh, oh.",
        "I open it and I open it and I open it and I open it and I open it.",
        "21, 21, 21, 21, 21, 21, 21",
        "We'll have a share. We'll have a share. We'll have a share.",
        "I don't know what to do. I don't know what to do.",
        "It is the first time I have been able to do it. It is the first time I have been able to do it.",
    ],
)
def test_a_loop_is_made_up(text: str) -> None:
    assert goes_round(text)


@pytest.mark.parametrize(
    "text",
    [
        "No, no, no.",
        "Yes yes yes yes that's right.",
        "Seven seven seven seven seven seven seven.",
        "Thank you, thank you, thank you so much.",
        "On Monday, no on Tuesday, no on Wednesday.",
        "I don't know. I don't know.",
        "",
    ],
)
def test_people_repeat_themselves_too(text: str) -> None:
    assert not goes_round(text)


def test_a_caller_may_say_again_what_they_are_expected_to_want() -> None:
    twice = "I'd like to book an appointment. I'd like to book an appointment."
    assert is_speech(voice(90), 0.3, twice)
    assert not is_speech(voice(90), -0.1, twice)


def test_a_digit_within_a_round_does_not_hide_it() -> None:
    assert goes_round("I don't remember a new one. " * 3)
    assert not goes_round("One two three. " * 8)
