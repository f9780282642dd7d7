"""Whether a caller who pauses has finished."""

from __future__ import annotations

import math

import pytest

from phone_daemon.language.words import words
from phone_daemon.stt.turn_end import features, log_odds
from phone_daemon.stt.turn_end_weights import WEIGHTS

FALLING = -4.0


def likely(text: str, pitch: float = FALLING) -> float:
    return 1 / (1 + math.exp(-log_odds(text, words(text), pitch)))


@pytest.mark.parametrize(
    ("whole", "begun"),
    [
        ("What are your opening hours?", "What are your"),
        ("I'd like to book an appointment for Tuesday.", "I'd like to book an appointment for"),
        ("My name is Rebecca Thornton.", "My name is"),
        ("It's about my bill.", "It's, uh,"),
        ("Can I speak to a person, please?", "Can I speak to"),
    ],
)
def test_a_whole_sentence_is_likelier_the_end_than_its_beginning(whole: str, begun: str) -> None:
    assert likely(whole) > likely(begun) + 0.2


def test_there_is_a_weight_for_every_feature_and_none_besides() -> None:
    assert set(features("Yes.", ["yes"], FALLING)) == set(WEIGHTS)


def test_no_feature_runs_away() -> None:
    found = features("and " * 200, ["and"] * 200, 90.0)
    assert all(-1.5 <= value <= 1.5 for value in found.values())
