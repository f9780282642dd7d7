"""Cuts a text that is too long for an engine where a speaker would breathe."""

from __future__ import annotations

import re
from collections.abc import Iterator

SENTENCE_PAUSE_S, CLAUSE_PAUSE_S = 0.25, 0.1


def pieces(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """`text` in pieces of at most `longest` characters, cut after sentences, else clauses, else words.

    (where it begins, piece); together they are the text, but for a last piece of nothing but spaces.
    """
    start = 0
    while len(text) - start > longest:
        window = text[start : start + longest]
        cut = next(
            (m.end() for end in (r"[.!?…]\s+", r"[,;:]\s+", r"\s+") if (m := re.match(rf"(?s).*{end}", window))),
            longest,
        )
        yield start, text[start : start + cut]
        start += cut
    if text[start:].strip():
        yield start, text[start:]


def ends_sentence(piece: str) -> bool:
    return piece.rstrip()[-1:] in tuple(".!?…")


def pause_s(piece: str) -> float:
    """Silence between `piece` and the one that follows it, when that at their own ends is cut off."""
    if ends_sentence(piece):
        return SENTENCE_PAUSE_S
    return CLAUSE_PAUSE_S if piece.rstrip()[-1:] in tuple(",;:") else 0.0
