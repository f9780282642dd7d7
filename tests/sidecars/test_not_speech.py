"""What was said, and what was made up."""

from __future__ import annotations

from typing import Any

import pytest

from sidecars.engines.not_speech import goes_round, is_speech
from sidecars.engines.voiced import Voiced


def voice(windows: Any, probability: Any = 0.9) -> Voiced:
    voiced = Voiced()
    voiced.windows[:] = [probability] * windows
    return voiced


def test_there_must_be_a_voice() -> None:
    assert is_speech(voice(3), -0.2, "Thank you.")
    assert not is_speech(voice(2), -0.01, "Thank you.")


def test_for_what_is_expected_there_may_have_been_one() -> None:
    assert is_speech(voice(6, 0.4), 0.5, "That's not it.")
    assert not is_speech(voice(6, 0.4), -0.1, "Thank you.")
    assert not is_speech(voice(6, 0.1), 0.5, "That's not it.")


def test_the_model_must_be_sure_enough() -> None:
    assert is_speech(voice(60), -0.4, "I have to go to the dentist")
    assert not is_speech(voice(60), -0.6, "Or is there an incident in the conference?")


@pytest.mark.parametrize(
    "text",
    [
        "Oh, oh, oh, oh, oh, oh, oh.",
        "I open it and I open it and I open it and I open it and I open it.",
        "21, 21, 21, 21, 21, 21, 21",
        "We'll have a share. We'll have a share. We'll have a share.",
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
        "",
    ],
)
def test_people_repeat_themselves_too(text: str) -> None:
    assert not goes_round(text)
