"""The mixture of expected phrases and general English."""

from __future__ import annotations

import math

import pytest

from sidecars.engines.language_model import END, START, Phrases, arpa

PHRASES = [(text.split(), 1.0) for text in ("book a table", "book a room", "cancel my room", "no")]
WORDS = sorted({word for words, _ in PHRASES for word in words} | {"yes", "maybe"})


def general(word, history):
    """Every word alike, but `maybe` likes to follow `yes`."""
    if history == ("yes",):
        return 0.5 if word == "maybe" else 0.5 / len(WORDS)
    return 1 / (len(WORDS) + 1)


class Arpa:
    """Reads the format back and backs off as its readers do."""

    def __init__(self, text):
        self.probabilities, self.back_offs = {}, {}
        for line in text.splitlines():
            parts = line.split()
            if line.startswith("-") or line[:1].isdigit():
                size = len(parts) - (1 if self._has_no_back_off(parts) else 2)
                gram = tuple(parts[1 : 1 + size])
                self.probabilities[gram] = 10 ** float(parts[0])
                if len(parts) > 1 + size:
                    self.back_offs[gram] = 10 ** float(parts[-1])

    @staticmethod
    def _has_no_back_off(parts):
        return not parts[-1].lstrip("-").replace(".", "").isdigit()

    def probability(self, word, history):
        if (*history, word) in self.probabilities:
            return self.probabilities[*history, word]
        return self.back_offs.get(history, 1.0) * self.probability(word, history[1:])


@pytest.fixture
def model():
    return Arpa(arpa(Phrases(PHRASES), general, WORDS, {"yes": ["maybe"]}, 0.9))


@pytest.mark.parametrize(
    "history", [(), (START,), ("book",), ("yes",), (START, "book"), ("book", "a"), ("my", "room"), ("maybe", "no")]
)
def test_what_may_follow_sums_up_to_one(model, history):
    assert math.isclose(sum(model.probability(word, history) for word in (*WORDS, END)), 1, abs_tol=2e-3)


def test_what_follows_in_a_phrase_is_likelier_than_what_does_not(model):
    after = {word: model.probability(word, ("book", "a")) for word in (*WORDS, END)}
    assert sorted(after, key=after.get)[-2:] in (["table", "room"], ["room", "table"])
    assert after["yes"] > 0


def test_general_english_has_its_say_where_the_phrases_have_none(model):
    assert model.probability("maybe", ("yes",)) > 3 * model.probability("maybe", ("no",))


def test_a_slot_with_many_values_does_not_drown_the_other_phrases():
    """A template expands to as many phrases as its slot has values."""
    phrases = [(["come", "on", f"day{n}"], 1.0) for n in range(100)] + [(["no"], 1.0)]
    start = Phrases(phrases).seen[START,]
    assert start["come"] / start["no"] == 10


def test_without_phrases_general_english_is_left():
    model = Arpa(arpa(Phrases([]), general, WORDS, {}, 0.0))
    assert math.isclose(sum(model.probability(word, (START,)) for word in (*WORDS, END)), 1, abs_tol=2e-3)
