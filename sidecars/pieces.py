"""Splits a text that is too long for an engine at places where a speaker would breathe."""

from __future__ import annotations

import re
from collections.abc import Iterator

SENTENCE_PAUSE_S, CLAUSE_PAUSE_S = 0.25, 0.1


def pieces(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """Splits `text` into pieces of at most `longest` characters, after sentences, else after clauses, else after words.
    Yields (where it begins, piece); together the pieces are the text, except for a last piece that consists only of
    spaces.
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
    """The silence between `piece` and the next one, if the silence at their own edges is cut off."""
    if ends_sentence(piece):
        return SENTENCE_PAUSE_S
    return CLAUSE_PAUSE_S if piece.rstrip()[-1:] in tuple(",;:") else 0.0
