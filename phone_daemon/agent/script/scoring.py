"""Which intent a caller's words mean, despite recognition errors and other wordings.

Each sentence of an intent is compared with what was heard: how much of the sentence was heard (rare words count for
more, and words with a similar sound or meaning count in part), and how much of what was heard belongs to the sentence
or its intent. An intent is as good as its best sentence. Word order does not matter: recognizers drop and add words
more often than they swap them, and callers have their own word order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

from phone_daemon.agent.script.lexicon import (
    COMMON_ROOTS,
    FILLER_ROOTS,
    GREETING_ROOTS,
    NOT,
    PHRASAL,
    kin,
    roots,
    sound,
    stem,
)
from phone_daemon.language.acts import ABSENT, CHANGE, DROP, find_acts

Vector = NDArray[np.float64]

LEAST = 0.5
"""Below this score the caller was not understood."""
SURE = 0.75
"""From this score on an intent outweighs a pending question."""
MAYBE = 0.36
"""From this score on it is worth asking back."""
CLOSE = 0.03
"""If two scores are closer than this, it is undecided which intent was meant."""
APART = 0.06
"""The same if the words and their meaning favor different intents."""

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
"""Factor on a part of a sentence without a distinctive word, such as the "appointment" of many requests."""
_TELLING = 0.7
"""A word that is at least this close to a word of a sentence stands for it."""
_FEW = 3
"""A word that belongs to this many intents, out of a dozen, still counts as an intent's own."""
_WANTED = 5
"""A caller who says this many words besides a greeting wants something."""
_REACH = 4
"""A word that changes a verb's meaning may follow within this many words: "take me off"."""


DECIDING = (DROP, CHANGE)
"""Acts that distinguish requests that have everything else in common."""
OTHERWISE = 0.75
"""Factor on a sentence that lacks an act that was heard."""
UNASKED = 0.85
"""Factor on a sentence with an act that was not heard."""
_MISHEARD = 0.45
"""From this closeness on, a word may be a misheard one that expresses an act."""
_NEAREST = 16
"""Only this many sentences of an intent are compared in full: those with the most words heard."""


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
        known = {
            (intent, tuple(sorted(set(_sentence_tokens(sentence.split())))))
            for intent, said in sentences.items()
            for sentence in said
        }
        ordered = sorted(known)
        self._intents = list(sentences)
        spread: dict[str, set[str]] = {}
        for intent, tokens in ordered:
            for token in tokens:
                spread.setdefault(token, set()).add(intent)
        self._vocabulary = _Vocabulary(list(spread))
        # A word that every intent has weighs next to nothing, and a word that one intent has weighs the most.
        count = len(sentences)
        self._weights = np.array(
            [
                _SLOT
                if token.startswith("{")
                else (log((count + 1) / (len(intents) + 0.5)) + 0.05) * _importance(token)
                for token, intents in spread.items()
            ]
            + [0.0]
        )
        self._telling = log((count + 1) / (max(1.0, _FEW * count / 12) + 0.5))
        # Sentences as rows of token numbers; the last number stands for no token. Prepared in advance, because
        # dialplans have thousands of sentences, and a caller is waiting.
        numbers = self._vocabulary.numbers
        longest = max((len(tokens) for _, tokens in ordered), default=1)
        self._said = np.full((len(ordered), longest), len(spread))
        for row, (_, tokens) in enumerate(ordered):
            self._said[row, : len(tokens)] = [numbers[token] for token in tokens]
        self._lengths = np.array([len(tokens) for _, tokens in ordered])
        self._wanted = self._weights[self._said].sum(1)
        self._denied = np.array([NOT in tokens for _, tokens in ordered], bool)
        self._agreeing = Agreement([tokens for _, tokens in ordered])
        self._doing = _words_that_do(sentences)
        of = [intent for intent, _ in ordered]
        self._rows = {intent: np.array([row for row, other in enumerate(of) if other == intent], int) for intent in of}
        self._words = {intent: np.unique(self._said[rows]) for intent, rows in self._rows.items()}

    def rank(self, words: Sequence[str], slots: Mapping[str, Collection[int]] | None = None) -> list[Score]:
        """Every intent with a score above 0, best first.

        `slots`: for each slot that has a value in `words`, the positions of the words that say it.
        """
        if not words or not self._rows:
            return []
        heard = self._heard(words)
        alike = np.zeros((len(self._weights), len(words)))
        weights = np.zeros(len(words))
        for at, root in heard:
            weights[at] = max(weights[at], _STRANGE_COMMON if root in COMMON_ROOTS else _STRANGE)
            close = self._vocabulary.closeness(root, self._weights)
            alike[:-1, at] = np.maximum(alike[:-1, at], close)
            weights[at] = max(weights[at], float((self._weights[:-1] * close).max()))
        for name, positions in (slots or {}).items():
            held = list(positions)
            if (slot := self._vocabulary.numbers.get(f"{{{name}}}")) is not None:
                alike[slot, held] = 1.0
            # The words of a value say the same about every request.
            weights[held] = np.where(weights[held] > 0, np.minimum(weights[held], _SLOT), _SLOT)
        acts = self._done(words, heard, alike, weights)
        total = weights.sum()
        if not total:
            return []
        parts = self._parts(alike.max(1)) * self._agreeing(acts)
        if any(root == NOT for _, root in heard):
            parts = np.where(self._denied, parts, parts * _NEGATED)
        ranked = []
        for intent, rows in self._rows.items():
            belongs = alike[self._words[intent]].max(0) @ weights / total
            best = rows[np.argsort(-parts[rows], kind="stable")[:_NEAREST]]
            own = alike[self._said[best]].max(1) @ weights / total
            score = float((parts[best] * (_OWN * own + (1 - _OWN) * belongs) ** _BESIDE).max())
            if score > 0:
                ranked.append(Score(intent, round(score, 6)))
        return sorted(ranked, key=lambda each: -each.score)

    def _done(self, words: Sequence[str], heard: Sequence[Token], alike: Vector, weights: Vector) -> set[str]:
        """The acts in `words`, which are entered into `alike` and `weights`."""
        number = self._vocabulary.numbers
        found = find_acts(words)
        acts = {act.value for act in found}
        for act in found:
            if (token := f"+{act.value}") in number:
                alike[number[token], act.start : act.end] = 1.0
                each = self._weights[number[token]] / (act.end - act.start)
                weights[act.start : act.end] = np.maximum(weights[act.start : act.end], each)
        if acts:
            return acts
        for at, root in heard:
            # A word that the dialplan does not have may be a misheard one that expresses an act.
            if root in number or root in _LITTLE:
                continue
            for name, doing in self._doing.items():
                close = max(likeness(root, each) for each in doing)
                if close >= _MISHEARD:
                    alike[number[f"+{name}"], at] = close
                    acts.add(name)
        return acts

    def _parts(self, closest: Vector) -> Vector:
        """How much of each sentence was heard; `closest`: how close the nearest heard word comes to each token."""
        near: Vector = closest[self._said]
        found: Vector = (self._weights * closest)[self._said].sum(1)
        most = np.where(closest >= _TELLING, self._weights, 0.0)[self._said].max(1)
        parts: Vector = (1 - _COUNT) * found / np.maximum(self._wanted, 1e-9) + _COUNT * near.sum(1) / self._lengths
        parts[(parts < 1 - 1e-9) & (most < self._telling)] *= _VAGUE
        return parts

    def _heard(self, words: Sequence[str]) -> list[Token]:
        """The roots of what was heard, and those of words that the sentences write apart or as one."""
        known = self._vocabulary.numbers
        heard = _tokens(words)
        for at, pair in enumerate(pairwise(words)):
            if (joined := stem("".join(pair))) in known:
                heard += [(at, joined), (at + 1, joined)]
        for at, word in enumerate(words):
            for cut in range(3, len(word) - 2):
                one, other = stem(word[:cut]), stem(word[cut:])
                if one in known and other in known:
                    heard += [(at, one), (at, other)]
        return heard


class Agreement:
    """Compares the acts of sentences with those that were heard."""

    def __init__(self, sentences: Sequence[Collection[str]]) -> None:
        """`sentences`: the tokens of each; `+drop` for an act."""
        self._doing = {act: np.array([f"+{act}" in tokens for tokens in sentences], bool) for act in DECIDING}
        self._absent = np.array([f"+{ABSENT}" in tokens or f"+{DROP}" in tokens for tokens in sentences], bool)
        self._count = len(sentences)

    def __call__(self, acts: Collection[str]) -> Vector:
        """A factor for each sentence: 1 if its acts are `acts`, and less otherwise."""
        factor = np.ones(self._count)
        for act, doing in self._doing.items():
            factor[~doing if act in acts else doing] *= OTHERWISE if act in acts else UNASKED
        if ABSENT in acts and self._absent.any():
            factor[~self._absent] *= UNASKED
        return factor


def _sentence_tokens(words: Sequence[str]) -> Iterator[str]:
    yield from (root for _, root in _tokens(words))
    yield from (f"+{act.value}" for act in find_acts(words))


def _words_that_do(sentences: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """The stems of words that by themselves mean that something is given up or changed."""
    found: dict[str, set[str]] = {}
    for word in {word for said in sentences.values() for sentence in said for word in sentence.split()}:
        for act in find_acts([word]):
            if act.value in DECIDING:
                found.setdefault(act.value, set()).update(roots(word))
    return found


def _importance(token: str) -> float:
    return _COMMON if token in _LITTLE else 1.0


class _Vocabulary:
    """Compares a word with all the words of a dialplan at once."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.numbers = {token: number for number, token in enumerate(tokens)}
        self._tokens = tokens
        self._plain = np.array([token[0] not in "{+" for token in tokens], bool)
        self._letters = np.array([_letters(token) for token in tokens]).reshape(len(tokens), 27)
        self._known: dict[str, Vector] = {}

    def closeness(self, root: str, weights: Vector) -> Vector:
        """How close `root` comes to each token, 0 to 1.

        A word with the same meaning counts no more than the word itself would: many requests have "appointment", one
        has "slot".
        """
        if (found := self._known.get(root)) is None:
            found = self._compare(root, weights)
            if len(self._known) < 20_000:
                self._known[root] = found
        return found

    def _compare(self, root: str, weights: Vector) -> Vector:
        close = np.zeros(len(self._tokens))
        own = _letters(root)
        # No two words can be more alike than the letters that they share.
        most = 2 * np.minimum(self._letters, own).sum(1) / np.maximum((self._letters + own).sum(1), 1)
        for number in map(int, np.flatnonzero((most >= 0.5) & self._plain)):
            close[number] = likeness(root, self._tokens[number])
        for other in kin(root):
            if (there := self.numbers.get(other)) is not None:
                mine = self.numbers.get(root)
                close[there] = _AKIN * (1.0 if mine is None else min(1.0, weights[mine] / weights[there]))
        return close


def _letters(word: str) -> NDArray[np.int64]:
    """How often each letter occurs in `word`; the last number is for all other characters."""
    counts = np.zeros(27, np.int64)
    for char in word:
        counts[ord(char) - 97 if "a" <= char <= "z" else 26] += 1
    return counts
