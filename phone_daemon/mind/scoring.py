"""Which intent a caller's words mean, recognition errors and all.

Each sentence of an intent is compared with what was heard: how much of the sentence was heard (rare words count for
more, words that sound close count for part), and how much of what was heard belongs to the sentence. An intent is as
good as its best sentence. Word order does not matter: recognisers drop and add words more often than they swap them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from math import log

LEAST = 0.5
"""A score below this means that the caller was not understood."""
SURE = 0.75
"""A score from here on outweighs a pending question."""
MAYBE = 0.36
"""A score from here on is worth asking back about."""
CLOSE = 0.06
"""Scores nearer to each other than this leave open which one was meant."""

_BESIDE = 0.3
"""How much words that do not belong to a sentence tell against it: 0, not at all."""
_FILLERS = frozenset(["uh", "um", "er", "please", "thanks", "thank", "well", "so", "oh", "okay", "just"])
_STRANGE = 0.6
"""Weight of a word that no sentence has."""
_SLOT = 0.3
"""Weight of a slot in a sentence."""


@dataclass(frozen=True, slots=True)
class Score:
    intent: str
    score: float
    """0 to 1."""


@lru_cache(maxsize=50_000)
def likeness(one: str, other: str) -> float:
    """1 for the same word, less for words that look alike, 0 for others; short words are alike or not."""
    if one == other:
        return 1.0
    short, long = sorted((len(one), len(other)))
    # Words that share too few letters need no closer look: this is asked for every word of a sentence's vocabulary.
    if short < 4 or 2 * short < 0.6 * (short + long) or len({*one} & {*other}) < 0.3 * short:
        return 0.0
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return ratio * ratio if ratio >= 0.6 else 0.0


class Matcher:
    """Scores what callers say against the sentences of each intent; `{name}` in a sentence is a slot."""

    def __init__(self, sentences: Mapping[str, Sequence[str]]) -> None:
        self._sentences = [
            (intent, tuple(dict.fromkeys(sentence.split())))
            for intent, known in sentences.items()
            for sentence in known
        ]
        spread: dict[str, set[str]] = {}
        for intent, tokens in self._sentences:
            for token in tokens:
                spread.setdefault(token, set()).add(intent)
        # A word of every intent weighs next to nothing, a word of one intent the most.
        self._weights = {
            token: _SLOT if token.startswith("{") else log((len(sentences) + 1) / (len(intents) + 0.5)) + 0.05
            for token, intents in spread.items()
        }
        self._vocabulary = [token for token in self._weights if not token.startswith("{")]

    def rank(self, words: Sequence[str], slots: Mapping[str, Collection[int]] | None = None) -> list[Score]:
        """Every intent with a score above 0, best first.

        `slots`: for each slot that has a value in `words`, the positions of the words that say it.
        """
        slots = slots or {}
        heard = [(position, word) for position, word in enumerate(words) if word not in _FILLERS]
        alike: dict[str, dict[int, float]] = {}
        weights = {position: _STRANGE for position, _ in heard}
        for position, word in heard:
            for token in self._vocabulary:
                close = likeness(word, token)
                if close:
                    alike.setdefault(token, {})[position] = close
                    weights[position] = max(weights[position], self._weights[token] * close)
        for name, positions in slots.items():
            alike[f"{{{name}}}"] = dict.fromkeys(positions, 1.0)
        total = sum(weights.values())
        best: dict[str, float] = {}
        for intent, tokens in self._sentences:
            score = self._score(tokens, alike, weights, total)
            if score > best.get(intent, 0.0):
                best[intent] = score
        ranked = [Score(intent, round(score, 6)) for intent, score in best.items()]
        return sorted(ranked, key=lambda each: -each.score)

    def _score(
        self,
        tokens: Sequence[str],
        alike: Mapping[str, Mapping[int, float]],
        weights: Mapping[int, float],
        total: float,
    ) -> float:
        found = wanted = 0.0
        covered: set[int] = set()
        for token in tokens:
            wanted += self._weights[token]
            if close := alike.get(token):
                found += self._weights[token] * max(close.values())
                covered.update(close)
        if not found:
            return 0.0
        belongs = sum(weight for position, weight in weights.items() if position in covered) / total if total else 1.0
        # At belongs = 0.5 a factor of 0.81: people wrap what they want in many words, and noise has few that fit.
        return (found / wanted) * float(belongs**_BESIDE)
