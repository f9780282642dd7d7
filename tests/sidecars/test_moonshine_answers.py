"""What was most likely said, knowing what was asked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sidecars.engines.answer_words import AnswerWords
from sidecars.engines.digit_words import DigitWords
from sidecars.engines.moonshine_answers import (
    LEAST_NEARLY,
    LEAST_TOKEN,
    LONE_PAIR,
    NEAR,
    NEARLY,
    NEARLY_TOKEN,
    NUMBER_LEAST,
    NUMBER_NEARLY,
    NUMBER_SURE,
    _lead,
    answer_likelihood,
    answers_to,
    others,
    unanswered,
    with_answer,
)
from sidecars.engines.moonshine_model import Decoded
from sidecars.engines.moonshine_tokens import SPACE, Tokens
from sidecars.engines.word_grammar import WordGrammar
from tests.sidecars.grammars import vocabulary

PIECES = 8
"""Log probabilities of each hypothesis."""
BEHIND = max(NEARLY, NEARLY_TOKEN * PIECES)
TWO_DIGITS = DigitWords(vocabulary(), 2, 2)
YES_NO = AnswerWords(vocabulary(), ("yes", "no", "sure", "no it isn't"))


class Texts:
    """The texts of made-up hypotheses: each has one token."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.texts = texts

    def text(self, tokens: tuple[int, ...]) -> str:
        return self.texts[tokens[0]]

    def letters(self, tokens: tuple[int, ...]) -> str:
        return "".join(filter(str.isalnum, self.text(tokens).lower()))

    def piece(self, token: int) -> str:
        return self.texts[token]


class Model:
    """A decoder that has already heard: `restricted` gives the last of the hypotheses, or `answers` of them."""

    def __init__(self, ranked: list[tuple[str, float]], answers: int = 1) -> None:
        self.answers = answers
        self.tokens = Texts(tuple(text for text, _ in ranked))
        self.ranked = [
            Decoded((at,), (likelihood / PIECES,) * PIECES, 0.0) for at, (_, likelihood) in enumerate(ranked)
        ]

    def restricted(self, *_: Any, **__: Any) -> list[Decoded]:
        return self.ranked[-self.answers :]

    def chosen(self, free: int, asked: WordGrammar[Any] = YES_NO) -> list[str]:
        """The texts, rearranged, if the first `free` are what the free decoder gives."""
        found = with_answer(self, None, self.ranked[:free], asked, None, lambda: None)  # type: ignore[arg-type]
        return [self.tokens.text(each.tokens) for each in found]


def test_an_answer_that_is_nearly_as_likely_comes_before_what_is_none() -> None:
    assert Model([("It's yours", -3.5), ("Sure.", -3.5 - BEHIND + 2)]).chosen(1) == ["Sure.", "It's yours"]


def test_an_answer_that_is_less_likely_than_that_comes_second() -> None:
    model = Model([("Close the door", -1.0), ("Close it", -2.0), ("Sure.", -1.1 - BEHIND)])
    assert model.chosen(2) == ["Close the door", "Sure.", "Close it"]


def test_where_nothing_is_likely_no_answer_is_either() -> None:
    least = min(LEAST_NEARLY, PIECES * LEAST_TOKEN)
    assert Model([("In the evening", -40.0), ("No.", least - 0.1)]).chosen(1) == ["In the evening", "No."]
    assert Model([("In the evening", -40.0), ("No.", least + 0.1)]).chosen(1) == ["No.", "In the evening"]


def test_any_of_the_answers_was_said_if_they_are_likely_together() -> None:
    model = Model([("Noah", -1.0), ("No.", -2.0), ("No, no.", -2.0), ("Yes.", -2.0)])
    together = answer_likelihood(model.tokens, model.ranked, YES_NO)  # type: ignore[arg-type]
    assert together == pytest.approx(-2.0 + math.log(3))
    assert answer_likelihood(model.tokens, model.ranked[:1], YES_NO) == -math.inf  # type: ignore[arg-type]


def test_if_none_was_said_it_was_something_else_or_nothing() -> None:
    model = Model([("Noah", -1.0), ("No.", -2.0)])
    assert unanswered(model.tokens, model.ranked, YES_NO, None, None) == model.ranked  # type: ignore[arg-type]
    assert unanswered(model.tokens, model.ranked[1:], YES_NO, None, None) == []  # type: ignore[arg-type]


def test_among_answers_the_likeliest_by_the_sound_comes_first() -> None:
    model = Model([("No, it isn't.", -3.0), ("Noah", -1.0), ("No.", -2.0)])
    assert model.chosen(3) == ["No.", "No, it isn't.", "Noah"]


def test_a_number_is_as_likely_as_all_ways_to_say_it_together() -> None:
    said = [("four two", NUMBER_SURE - 1.0), ("six two", NUMBER_SURE - 1.3), ("sixty two", NUMBER_SURE - 1.4)]
    assert Model(said, 2).chosen(1, TWO_DIGITS) == ["six two", "four two"]


def test_one_word_for_two_digits_amid_digits_is_less_likely() -> None:
    eight = DigitWords(vocabulary(), 8, 8)
    pairs, digits = "four nine two fourteen four four nine", "four nine two four two four four nine"
    for less, first in ((0.1, digits), (-0.1, pairs)):
        said = [(pairs, NUMBER_SURE - 1.0), (digits, NUMBER_SURE - 1.0 - LONE_PAIR + less)]
        assert Model(said).chosen(1, eight)[0] == first


def test_a_number_that_is_likely_enough_is_not_doubted() -> None:
    said = [("four two", NUMBER_SURE + 0.1), ("six two", NUMBER_SURE + 1.0)]
    assert Model(said).chosen(1, TWO_DIGITS) == ["four two"]


def test_a_number_of_another_length_is_a_number_of_the_right_one_that_is_nearly_as_likely() -> None:
    nearly = -1.0 - NUMBER_NEARLY
    assert Model([("four five two", -1.0), ("four two", nearly + 0.1)]).chosen(1, TWO_DIGITS)[0] == "four two"
    assert Model([("four five two", -1.0), ("four two", nearly - 0.1)]).chosen(1, TWO_DIGITS)[0] == "four five two"


def test_a_number_in_figures_is_looked_for_if_none_in_words_is_nearly_as_likely() -> None:
    class Both(Model):
        def restricted(self, _: Any, grammar: Any, **__: Any) -> list[Decoded]:
            return self.ranked[-1:] if grammar is TWO_DIGITS.in_figures else self.ranked[-2:-1]

    for more, first in ((0.1, "four two"), (-0.1, "62")):
        said = [("four five two", -1.0), ("four two", -1.0 - NUMBER_NEARLY + more), ("62", -3.0)]
        assert Both(said).chosen(1, TWO_DIGITS)[0] == first


def test_where_nothing_is_likely_no_number_is_either() -> None:
    unlikely = PIECES * NUMBER_LEAST
    assert Model([("taxi", -40.0), ("four two", unlikely + 0.1)]).chosen(1, TWO_DIGITS) == ["four two", "taxi"]
    assert Model([("taxi", -40.0), ("four two", unlikely - 0.1)]).chosen(1, TWO_DIGITS) == ["taxi", "four two"]


@pytest.mark.parametrize(
    ("said", "lead"),
    [
        ("Hang on, it's so four two", "Hang on,"),
        ("The card says my number is 42", "The card says"),
        ("um, it's four two", ""),
        ("the card says nothing", ""),
    ],
)
def test_what_leads_up_to_a_number_is_kept_unless_a_number_may_begin_so(said: str, lead: str) -> None:
    words = said.split()
    tokens = Tokens([f"{SPACE}{word}".encode() for word in words])
    assert tokens.text(_lead(tokens, range(len(words)))) == lead


def test_unasked_nothing_changes() -> None:
    ranked = [Decoded((1,), (-1.0,), 0.0)]
    assert with_answer(None, None, ranked, None, None, lambda: None) is ranked  # type: ignore[arg-type]


def test_others_are_near_and_differ_in_words() -> None:
    model = Model(
        [("Yes.", -1.0), ("yes", -1.5), ("Yet.", -2.0), ("Yet!", -3.0), ("Ja", -0.9 - NEAR), ("Eh", -1.1 - NEAR)]
    )
    assert others(model.tokens, model.ranked) == ["Yet!", "Ja"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "kind"), [("digits_6_8", DigitWords), ("yes_no", AnswerWords), ("digits", AnswerWords)]
)
def test_numbers_of_a_length_are_answers_of_their_own(question: str, kind: type) -> None:
    assert isinstance(answers_to(question, ["one two"], vocabulary()), kind)


def test_a_number_has_as_many_digits_as_the_question_says() -> None:
    answers = answers_to("digits_2_3", [], vocabulary())
    assert [answers.fits(text) for text in ("one", "one two", "one two three", "one two three four")] == [
        False, True, True, False,
    ]  # fmt: skip
