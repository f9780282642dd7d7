"""Words from tokens: text, confidence, position."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sidecars.engines.moonshine_model import Decoded
from sidecars.engines.moonshine_tokens import Tokens
from sidecars.engines.moonshine_words import Said, placed, plain_words, said_words, spoken_likelihood, tidy
from sidecars.engines.voiced import RATE, WINDOW, Voiced

TOKENS = Tokens([b"", b"", b"", "▁On".encode(), "▁Wed".encode(), b"nesday", b".", "▁Thursday".encode()])
WEDNESDAY, THURSDAY = (3, 4, 5, 6), (3, 7, 6)


def decoded(tokens: Any, logprob: Any = -0.1, bonus: Any = 0.0) -> Any:
    return Decoded(tokens, (logprob,) * (len(tokens) + 1), bonus)


def confidences(*ranked: Any) -> Any:
    return [word.confidence for word in said_words(ranked, TOKENS)]


def test_words_are_written_with_their_punctuation() -> None:
    assert [word.text for word in said_words([decoded(WEDNESDAY)], TOKENS)] == ["On", "Wednesday."]


def test_a_word_that_all_hypotheses_have_is_surer_than_one_that_only_some_have() -> None:
    on, wednesday = confidences(decoded(WEDNESDAY), decoded(THURSDAY))
    assert on > wednesday
    assert on == pytest.approx(confidences(decoded(WEDNESDAY))[0])


def test_an_unlikely_token_makes_its_word_unsure() -> None:
    sure, unsure = confidences(Decoded(WEDNESDAY, (-0.1, -0.1, -3.0, -0.1, -0.1), 0.0))
    assert unsure < sure


def test_what_is_expected_is_surer() -> None:
    assert confidences(decoded(WEDNESDAY, -0.5, bonus=2.0))[0] > confidences(decoded(WEDNESDAY, -0.5))[0]


def test_confidence_is_a_share() -> None:
    assert confidences(decoded(WEDNESDAY, -0.01, bonus=8.0))[0] <= 1
    assert 0 <= confidences(decoded(WEDNESDAY, -9.0))[0] < 0.1


def test_what_was_said_is_as_likely_as_all_ways_to_write_it_together() -> None:
    undotted = WEDNESDAY[:-1]
    alone = spoken_likelihood([decoded(WEDNESDAY, -0.5)], TOKENS)
    assert alone == decoded(WEDNESDAY, -0.5).likelihood
    assert spoken_likelihood([decoded(WEDNESDAY, -0.5), decoded(THURSDAY, -0.5)], TOKENS) == alone
    twice = Decoded(undotted, (-0.5,) * 3 + (-1.0,), 0.0)
    both = spoken_likelihood([decoded(WEDNESDAY, -0.5), twice], TOKENS)
    assert both == pytest.approx(alone + math.log(2) / len(decoded(WEDNESDAY).logprobs))


def test_okay_is_one_word_however_it_is_written() -> None:
    assert plain_words("Ok. Okay, OK!") == "okay okay okay"


def test_no_words_of_no_tokens() -> None:
    assert said_words([decoded(())], TOKENS) == []


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("If so,, press.", "If so, press."),
        ("B..", "B."),
        ("Well...", "Well..."),
        ("What?!", "What?!"),
        ("a, b", "a, b"),
    ],
)
def test_doubled_punctuation_is_given_once(text: str, tidied: Any) -> None:
    assert tidy(text) == tidied


def test_letters_are_spread_over_the_voice() -> None:
    voiced = Voiced()
    voiced.windows[:] = [0.1] * 10 + [0.9] * 10 + [0.1] * 10 + [0.9] * 10 + [0.1] * 10
    words = placed([Said("twelve chars", 1.0), Said("and as many.", 1.0)], voiced, 0, 50 * WINDOW, 2.0)
    second = WINDOW / RATE
    assert words[0].start == pytest.approx(2.0 + 10 * second)
    assert words[0].end == pytest.approx(2.0 + 30 * second)
    assert words[1].end == pytest.approx(2.0 + 40 * second)
