"""Tokens that become words."""

from __future__ import annotations

import pytest

from sidecars.engines.bpe_words import hypothesis

FRAME_S = 0.08


def test_pieces_become_words_with_the_times_of_the_first_and_the_last_and_the_confidence_of_the_least_sure() -> None:
    heard = hypothesis([("▁half", 0.4, 0.9), ("▁pa", 0.8, 0.7), ("st", 0.88, 0.5), ("▁ten", 1.2, 1.0)], FRAME_S)
    assert heard.text == "half past ten"
    assert [(word.text, word.start, word.confidence) for word in heard.words] == [
        ("half", 0.4, 0.9),
        ("past", 0.8, 0.5),
        ("ten", 1.2, 1.0),
    ]
    assert heard.words[1].end == pytest.approx(0.96)
    assert heard.confidence == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["re", "▁late"], "re late"),  # the first one begins a word, whatever it looks like
        ([" ", "ch", "re"], "chre"),
        (["▁", "ch", "▁", "▁", "re"], "ch re"),
        (["▁yes", ".", "▁", "<unk>", "▁no"], "yes. no"),
        (["▁caf", "<0xC3>", "<0xA9>"], "café"),
        (["<unk>"], ""),
        ([], ""),
    ],
)
def test_odd_pieces(pieces: list[str], text: str) -> None:
    heard = hypothesis([(piece, 0.0, 1.0) for piece in pieces], FRAME_S)
    assert heard.text == text
    assert heard.confidence == (1.0 if text else 0.0)
