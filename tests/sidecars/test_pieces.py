"""Long texts are divided where a speaker would breathe, and nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecars.pieces import CLAUSE_PAUSE_S, SENTENCE_PAUSE_S, pause_s, pieces


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Short.", ["Short."]),
        ("One is here. Two is there. Three.", ["One is here. ", "Two is there. ", "Three."]),
        ("One is here, two is there", ["One is here, ", "two is there"]),
        ("one two three four five", ["one two three ", "four five"]),
        ("aaaaaaaaaaaaaaaaaaaaaaaaa", ["aaaaaaaaaaaaaaaa", "aaaaaaaaa"]),
        ("One is here.    ", ["One is here.    "]),
        ("", []),
        ("   ", []),
    ],
)
def test_a_text_is_cut_after_sentences_else_clauses_else_words(text: str, cut: list[str]) -> None:
    assert [piece for _, piece in pieces(text, 16)] == cut


@given(st.text(alphabet="ab .,\n", max_size=200), st.integers(2, 50))
def test_the_pieces_are_the_text(text: str, longest: int) -> None:
    cut = list(pieces(text, longest))
    assert "".join(piece for _, piece in cut).rstrip() == text.rstrip()
    for start, piece in cut:
        assert text[start : start + len(piece)] == piece
        assert 0 < len(piece) <= longest


@pytest.mark.parametrize(
    ("piece", "pause"), [("One. ", SENTENCE_PAUSE_S), ("One, ", CLAUSE_PAUSE_S), ("one ", 0.0), ("", 0.0)]
)
def test_a_speaker_breathes_by_the_mark_that_a_piece_ends_in(piece: str, pause: float) -> None:
    assert pause_s(piece) == pause
