"""Word errors: how they are counted, and the confidence interval of the count.

Texts are first normalized (`normalized`) as in Whisper's evaluation, and in most leaderboards since: case, punctuation,
contractions, numbers, British spellings. Errors are the substitutions, insertions, and deletions of an alignment with
the fewest of them (Levenshtein); the rate is their share of the words that were said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jiwer
import numpy as np
from rapidfuzz.distance import Levenshtein
from whisper_normalizer.english import EnglishTextNormalizer

DRAWS = 1000
"""Resamplings for the bootstrap."""


@cache
def _normalizer() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()


def normalized(text: str) -> str:
    """Words with one space between them; empty if there are none."""
    # Whisper's normalizer keeps signs that may belong to a number ("..." stays), and a sign alone is not a word.
    return " ".join(word for word in str(_normalizer()(text)).split() if any(map(str.isalnum, word)))


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """The number of words to insert, delete, or change."""
    return int(Levenshtein.distance(said, heard))


def hits(said: Sequence[str], heard: Sequence[str]) -> set[int]:
    """Indices of the words of `said` that `heard` has."""
    return {
        place
        for block in Levenshtein.opcodes(said, heard)
        if block.tag == "equal"
        for place in range(block.src_start, block.src_end)
    }


@dataclass(frozen=True, slots=True)
class Pair:
    """What was said and what was recognized, both normalized."""

    said: str
    heard: str

    @property
    def errors(self) -> int:
        return edits(self.said.split(), self.heard.split())

    @property
    def alignment(self) -> str:
        """Both texts one above the other, with S, D, and I where they differ."""
        aligned = jiwer.process_words([self.said], [self.heard])
        return (
            str(jiwer.visualize_alignment(aligned, show_measures=False, skip_correct=False)).partition("\n")[2].strip()
        )


@dataclass(frozen=True, slots=True)
class Score:
    """Word errors of many utterances. `wer` and `ci95` are fractions of the words said, of which there must be at least
    one.
    """

    wer: float
    ci95: tuple[float, float]
    """By a bootstrap over utterances: the range of 95 % of other samples from the same speakers."""
    words: int
    utterances: int
    substitutions: int
    insertions: int
    deletions: int


def wilson(count: int, of: int) -> tuple[float, float]:
    """Where the true share lies with 95 % confidence if `count` of `of` were seen (Wilson's interval; JASA 22, 1927).

    Raises `ValueError` if nothing was seen.
    """
    if not of:
        raise ValueError("nothing was measured")
    z, share = 1.96, count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    return max(0.0, middle - half), min(1.0, middle + half)


def score(pairs: Sequence[Pair]) -> Score:
    """Raises `ValueError` if no word was said."""
    if not any(pair.said for pair in pairs):
        raise ValueError("not a word was said: nothing to score")
    kinds = {"replace": 0, "insert": 0, "delete": 0}
    for pair in pairs:
        for edit in Levenshtein.editops(pair.said.split(), pair.heard.split()):
            kinds[edit.tag] += 1
    errors = np.array([pair.errors for pair in pairs])
    words = np.array([len(pair.said.split()) for pair in pairs])
    draws = np.random.default_rng(0).integers(len(pairs), size=(DRAWS, len(pairs)))
    shares = errors[draws].sum(axis=1) / np.maximum(words[draws].sum(axis=1), 1)
    low, high = np.quantile(shares, (0.025, 0.975))
    wer = float(errors.sum() / words.sum())
    return Score(
        wer,
        (min(float(low), wer), max(float(high), wer)),
        int(words.sum()),
        len(pairs),
        kinds["replace"],
        kinds["insert"],
        kinds["delete"],
    )
