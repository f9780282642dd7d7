"""Finds where words begin from the phonemes that an engine has made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"\S*\w\S*")


def starts(phonemes: Iterable[tuple[int, str]]) -> list[int]:
    """The sample at which each word begins, from pairs of (first sample, phoneme) with a space between words."""
    begun: list[int] = []
    within = False
    for sample, phoneme in phonemes:
        if phoneme.isspace():
            within = False
        elif not within and any(char.isalpha() for char in phoneme):
            begun.append(sample)
            within = True
    return begun


def word_marks(text: str, phonemes: Iterable[tuple[int, str]]) -> list[tuple[int, int, int]]:
    """Returns (sample, start, end in `text`) for each word.

    Returns no marks at all if the phonemes have more or fewer words than the text, as for "10:30": a word in the wrong
    place is worse than words spaced in proportion.
    """
    begun = starts(phonemes)
    words = [found.span() for found in WORD.finditer(text)]
    return [(sample, *word) for sample, word in zip(begun, words, strict=True)] if len(begun) == len(words) else []
