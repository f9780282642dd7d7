"""How words are spelled from a decoder's tokens."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sidecars.engines.word_grammar import Vocabulary, WordGrammar
from tests.sidecars.grammars import spelled, vocabulary

END = 9
SMALL = Vocabulary(["", " no", " n", "o", "O", ".", "-", " o", "x1", "</s>"], END)


class Twice(WordGrammar[int]):
    """The word "no", once or twice."""

    def words(self, place: int) -> Mapping[str, int]:
        return {"no": place + 1} if place < 2 else {}

    def whole(self, place: int) -> bool:
        return place > 0

    def fits(self, text: str) -> bool:
        return 1 <= text.lower().count("no") <= 2


def test_a_word_is_spelled_in_every_way_that_there_are_tokens_for() -> None:
    grammar = Twice(SMALL, 0)
    assert set(grammar.allowed(grammar.start)) == {1, 2}
    begun = grammar.allowed(grammar.start)[2]
    assert set(grammar.allowed(begun)) == {3, 4}
    whole = grammar.allowed(grammar.start)[1]
    assert grammar.allowed(begun)[3] == whole
    assert set(grammar.allowed(whole)) == {1, 2, 5, 6, END}


@pytest.mark.parametrize("text", ["no", "No, no.", "no-no"])
def test_punctuation_and_hyphens_may_stand_between_words(text: str) -> None:
    assert spelled(Twice(vocabulary(), 0), text)


def test_a_figure_is_a_word_that_needs_no_space() -> None:
    class Figures(Twice):
        def words(self, place: int) -> Mapping[str, int]:
            return {"no": place + 1, "7": place + 1} if place < 3 else {}

    figures = Figures(vocabulary(), 0)
    assert all(spelled(figures, text) for text in ("777", "7, 7", "7-77", "no 7", "7 no", "no, 77"))
    assert not any(spelled(figures, text) for text in ("7777", "7-", "78", "no 7 no 7"))


@pytest.mark.parametrize("text", ["n", "nono", "no no no", "no-", "-no", "no; no"])
def test_half_a_word_or_one_too_many_is_not_spelled(text: str) -> None:
    assert not spelled(Twice(vocabulary(), 0), text)
