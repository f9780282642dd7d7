"""Where words begin, by the phonemes that an engine has made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"\S*\w\S*")


def starts(phonemes: Iterable[tuple[int, str]]) -> list[int]:
    """Of (sample it begins at, phoneme), with a space between words: the sample at which each word begins."""
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
    """(sample, start, end in `text`) a word.

    None at all where the phonemes have more words than the text, or fewer, as for "10:30": a word at a wrong place is
    worse than words in proportion.
    """
    begun = starts(phonemes)
    words = [found.span() for found in WORD.finditer(text)]
    return [(sample, *word) for sample, word in zip(begun, words, strict=True)] if len(begun) == len(words) else []
