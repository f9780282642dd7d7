"""Which intent a caller's words mean, despite recognition errors and other wordings.

Each sentence of an intent is compared with what was heard: how much of the sentence was heard (rare words count for
more, and words with a similar sound or meaning count in part), and how much of what was heard belongs to the sentence
or its intent. An intent is as good as its best sentence. Word order does not matter: recognizers drop and add words
more often than they swap them, and callers have their own word order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from math import log

from phone_daemon.agent.script.lexicon import (
    COMMON_ROOTS,
    FILLER_ROOTS,
    GREETING_ROOTS,
    NOT,
    PHRASAL,
    akin,
    roots,
    sound,
    stem,
)

LEAST = 0.5
"""Below this score the caller was not understood."""
SURE = 0.75
"""From this score on an intent outweighs a pending question."""
MAYBE = 0.36
"""From this score on it is worth asking back."""
CLOSE = 0.03
"""If two scores are closer than this, it is undecided which intent was meant."""
APART = 0.06
"""The same, where the words and their meaning speak for different intents."""

_BESIDE = 0.6
"""How much words that do not belong to a sentence count against it; at 0 they do not count."""
_OWN = 0.5
"""The share in this of the sentence itself; the rest depends on all sentences of its intent."""
_SOUNDS = 0.8
"""Closeness of a word that sounds like another."""
_AKIN = 0.8
"""Closeness of a word that means much the same as another."""
_COMMON = 0.2
"""Factor on the weight of words that occur in any request, and of thanks."""
_LITTLE = COMMON_ROOTS | FILLER_ROOTS
_COUNT = 0.35
"""The share of a sentence's score that depends on how many of its words were heard, whatever their weight."""
_STRANGE, _STRANGE_COMMON = 0.6, 0.22
"""Weight of a word that no sentence has."""
_SLOT = 0.3
"""Weight of a slot in a sentence."""
_NEGATED = 0.9
"""Factor on a sentence without a "not" if a "not" was heard."""
_VAGUE = 0.65
"""Factor on a part of a sentence without a word of its own, such as the "appointment" of many requests."""
_TELLING = 0.7
"""A word that is at least this close to a word of a sentence stands for it."""
_FEW = 3
"""A word that belongs to this many intents, out of a dozen, still counts as an intent's own."""
_WANTED = 5
"""A caller who says this many words besides a greeting wants something."""
_REACH = 4
"""A word that changes a verb's meaning may follow within this many words: "take me off"."""


@dataclass(frozen=True, slots=True)
class Score:
    intent: str
    score: float
    """0 to 1."""


@lru_cache(maxsize=50_000)
def likeness(one: str, other: str) -> float:
    """1 for the same word, less for words that look or sound alike, 0 for others; short words are either alike or
    not."""
    if one == other:
        return 1.0
    short, long = sorted((len(one), len(other)))
    # Words that share too few letters need no closer look, because this runs for every word in a sentence's vocabulary.
    if short < 4 or 2 * short < 0.6 * (short + long) or len({*one} & {*other}) < 0.3 * short:
        return 0.0
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    if ratio >= 0.5 and sound(one) == sound(other):
        return _SOUNDS
    return ratio * ratio if ratio >= 0.6 else 0.0


Token = tuple[int, str]
"""The position of a word in a sentence, and a root that it stands for."""


def _tokens(words: Sequence[str]) -> list[Token]:
    """The roots of a sentence; those of fillers count only if there is hardly anything else. A slot stands for
    itself."""
    every = [(at, root) for at, word in enumerate(words) for root in ((word,) if word[0] == "{" else roots(word))]
    found = [(at, root) for at, root in every if root not in FILLER_ROOTS]
    wanted = [(at, root) for at, root in found if root not in GREETING_ROOTS]
    if len(wanted) >= _WANTED:
        found = wanted
    elif all(root in COMMON_ROOTS for _, root in found):
        found = every
    for place, (at, verb) in enumerate(tuple(found)):
        for after, little in found[place + 1 : place + 1 + _REACH]:
            if meant := PHRASAL.get((verb, little)):
                found += [(at, meant), (after, meant)]
    return found


class Matcher:
    """Scores what callers say against the sentences of each intent; `{name}` in a sentence is a slot."""

    def __init__(self, sentences: Mapping[str, Sequence[str]]) -> None:
        self._sentences = [
            (intent, tuple(dict.fromkeys(root for _, root in _tokens(sentence.split()))))
            for intent, known in sentences.items()
            for sentence in known
        ]
        self._vocabularies: dict[str, set[str]] = {intent: set() for intent in sentences}
        spread: dict[str, set[str]] = {}
        for intent, tokens in self._sentences:
            self._vocabularies[intent].update(tokens)
            for token in tokens:
                spread.setdefault(token, set()).add(intent)
        # A word that every intent has weighs next to nothing, and a word that one intent has weighs the most.
        self._weights = {
            token: _SLOT
            if token.startswith("{")
            else (log((len(sentences) + 1) / (len(intents) + 0.5)) + 0.05) * (_COMMON if token in _LITTLE else 1.0)
            for token, intents in spread.items()
        }
        self._telling = log((len(sentences) + 1) / (max(1.0, _FEW * len(sentences) / 12) + 0.5))
        self._vocabulary = [token for token in self._weights if not token.startswith("{")]
        # Computed in advance, because dialplans have thousands of sentences, and a caller is waiting.
        self._wanted = [sum(self._weights[token] for token in tokens) for _, tokens in self._sentences]

    def rank(self, words: Sequence[str], slots: Mapping[str, Collection[int]] | None = None) -> list[Score]:
        """Every intent with a score above 0, best first.

        `slots`: for each slot that has a value in `words`, the positions of the words that say it.
        """
        alike: dict[str, dict[int, float]] = {}
        weights: dict[int, float] = {}
        heard = self._heard(words)
        for at, root in heard:
            weights[at] = max(weights.get(at, 0.0), _STRANGE_COMMON if root in COMMON_ROOTS else _STRANGE)
        for at, root in heard:
            for token in self._vocabulary:
                if close := self._closeness(root, token):
                    found = alike.setdefault(token, {})
                    found[at] = max(found.get(at, 0.0), close)
                    weights[at] = max(weights[at], self._weights[token] * close)
        for name, positions in (slots or {}).items():
            alike[f"{{{name}}}"] = dict.fromkeys(positions, 1.0)
            # The words of a value say the same about every request.
            weights |= {at: min(weights.get(at, _SLOT), _SLOT) for at in positions}
        total = sum(weights.values())
        belongs = {
            intent: _share(_covered(known, alike), weights, total) for intent, known in self._vocabularies.items()
        }
        closest = {token: max(found.values()) for token, found in alike.items()}
        negated = any(root == NOT for _, root in heard)
        best: dict[str, float] = {}
        for (intent, tokens), wanted in zip(self._sentences, self._wanted, strict=True):
            part = self._part(tokens, wanted, closest)
            if negated and NOT not in tokens:
                part *= _NEGATED
            least = best.get(intent, 0.0)
            if part * _beside(1.0, belongs[intent]) <= least:
                continue
            own = _share(dict.fromkeys(_covered(tokens, alike), 1.0), weights, total)
            if (score := part * _beside(own, belongs[intent])) > least:
                best[intent] = score
        ranked = [Score(intent, round(score, 6)) for intent, score in best.items()]
        return sorted(ranked, key=lambda each: -each.score)

    def _closeness(self, root: str, token: str) -> float:
        """A word with the same meaning says no more than it would itself: many requests have "appointment", one has
        "slot"."""
        if root == token:
            return 1.0
        if akin(root, token):
            return _AKIN * min(1.0, self._weights.get(root, self._weights[token]) / self._weights[token])
        return likeness(root, token)

    def _heard(self, words: Sequence[str]) -> list[Token]:
        """The roots of what was heard, and those of words that the sentences write apart or as one."""
        heard = _tokens(words)
        for at, pair in enumerate(pairwise(words)):
            if (joined := stem("".join(pair))) in self._weights:
                heard += [(at, joined), (at + 1, joined)]
        for at, word in enumerate(words):
            for cut in range(3, len(word) - 2):
                one, other = stem(word[:cut]), stem(word[cut:])
                if one in self._weights and other in self._weights:
                    heard += [(at, one), (at, other)]
        return heard

    def _part(self, tokens: Sequence[str], wanted: float, closest: Mapping[str, float]) -> float:
        """How much of a sentence was heard; `wanted`: the total weight of its words."""
        found = count = most = 0.0
        for token in tokens:
            if close := closest.get(token):
                found += self._weights[token] * close
                count += close
                if close >= _TELLING:
                    most = max(most, self._weights[token])
        if not found:
            return 0.0
        heard = (1 - _COUNT) * found / wanted + _COUNT * count / len(tokens)
        return heard * _VAGUE if heard < 1 and most < self._telling else heard


def _beside(own: float, of_intent: float) -> float:
    """The factor that other words leave of a sentence, by the shares of what was heard that belong to it and to its
    intent.

    People wrap what they want in many words, and noise has few words that fit.
    """
    return float((_OWN * own + (1 - _OWN) * of_intent) ** _BESIDE)


def _covered(tokens: Iterable[str], alike: Mapping[str, Mapping[int, float]]) -> dict[int, float]:
    """How well the words at each position match `tokens`."""
    covered: dict[int, float] = {}
    for token in tokens:
        for at, close in alike.get(token, {}).items():
            covered[at] = max(covered.get(at, 0.0), close)
    return covered


def _share(covered: Mapping[int, float], weights: Mapping[int, float], total: float) -> float:
    return sum(weights.get(at, 0.0) * close for at, close in covered.items()) / total if total else 1.0
