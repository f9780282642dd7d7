"""Answers that a decoder may spell, and nothing else."""

from __future__ import annotations

import pytest

from sidecars.engines.answer_words import AnswerWords
from tests.sidecars.grammars import spelled, vocabulary

PHRASES = ("yes", "yes please", "i guess so", "uh-huh", "no", "no that's wrong")


@pytest.fixture(scope="module")
def answers() -> AnswerWords:
    return AnswerWords(vocabulary(), PHRASES)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "yes, please!",
        "I guess so",
        "Uh-huh.",
        "Uh huh",
        "No. That's wrong.",
        "Well, yes",
        "um, no",
        "no, thanks",
    ],
)
def test_an_answer_may_be_written_in_any_usual_way(answers: AnswerWords, text: str) -> None:
    assert spelled(answers, text)


@pytest.mark.parametrize("text", ["I guess", "please", "um, um, no", "Yes, no", "No, that's right", "Yes it is", "."])
def test_nothing_else_may_be_spelled(answers: AnswerWords, text: str) -> None:
    assert not spelled(answers, text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "Yes, yes, please.",
        "no. I guess so",
        "Uh-huh.",
        "No, that's wrong, no!",
        "Um, well, no",
        "Yes, if possible, please",
    ],
)
def test_an_answer_or_several_in_a_row_fit(answers: AnswerWords, text: str) -> None:
    assert answers.fits(text)


@pytest.mark.parametrize("text", ["", "I guess.", "Yes it is", "guess so", "Know.", "Well", "Yes, I think"])
def test_any_other_text_does_not_fit(answers: AnswerWords, text: str) -> None:
    assert not answers.fits(text)


def test_without_phrases_there_is_no_answer() -> None:
    nothing = AnswerWords(vocabulary(), ["", "…"])
    assert not nothing.allowed(nothing.start)
    assert not nothing.fits("")
