"""Finds the intent that is closest in meaning to a caller's words, even if none of the words is in the dialplan.

Each sentence of an intent is compared with what was heard, word by word, using word vectors: how much of the sentence
was said, in whatever words, and how much of what was heard is in the sentence or its intent. Words with long vectors,
which say more, count for more. Word order does not matter, as in `scoring`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from phone_daemon.agent.script.lexicon import FILLERS, kin, stem
from phone_daemon.agent.script.scoring import Agreement
from phone_daemon.agent.script.word_vectors import Vector, WordVectors
from phone_daemon.language.acts import find_acts

_ALIKE = 0.25
"""Words whose vectors have a cosine below this are unrelated."""
_OWN = 0.5
"""The weight of the sentence itself in how much of what was heard belongs to it; the rest depends on its intent."""
_NEAREST = 8
"""Only this many sentences of an intent are compared in full: those with the most words heard."""
_FEWEST = 4
"""Fewer words than this are not compared: "appointment" alone does not say what to do with it."""
_SLOT = 5.0
"""The weight of a slot: that of a common word."""
_ACT = 14.0
"""The weight of an act (`find_acts`): that of a significant word."""
_AKIN, _INFLECTED = 0.7, 0.95
"""The least similarity of forms of one word, and of words that mean much the same according to `lexicon`."""
_KEPT = 5_000
"""The number of heard words whose comparison with the vocabulary is cached."""


class Meaning:
    """Compares what callers say with the sentences of each intent; `{name}` in a sentence is a slot."""

    def __init__(self, vectors: WordVectors, sentences: Mapping[str, Sequence[str]]) -> None:
        self._vectors = vectors
        known = list(
            dict.fromkeys(
                (intent, (*_telling(split := sentence.split()), *sorted({f"+{act.value}" for act in find_acts(split)})))
                for intent, said in sentences.items()
                for sentence in said
            )
        )
        vocabulary = list(dict.fromkeys(word for _, said in known for word in said))
        numbers = {word: number for number, word in enumerate(vocabulary)}
        self._slots = {word: number for word, number in numbers.items() if word.startswith("{")}
        self._directions, self._weights = _normalized(np.stack([self._vector(word) for word in vocabulary]))
        self._weights[list(self._slots.values())] = _SLOT
        self._acts = {word: number for word, number in numbers.items() if word.startswith("+")}
        self._weights[list(self._acts.values())] = _ACT
        # Sentences are rows of word numbers; the last number stands for no word.
        longest = max(len(said) for _, said in known)
        self._of_stem: dict[str, list[int]] = {}
        for word, number in numbers.items():
            self._of_stem.setdefault(stem(word), []).append(number)
        self._columns: dict[str, tuple[Vector, float]] = {}
        self._said = np.full((len(known), longest), len(vocabulary))
        for row, (_, said) in enumerate(known):
            self._said[row, : len(said)] = [numbers[word] for word in said]
        self._weights = np.append(self._weights, np.float32(0.0))
        self._wanted = self._weights[self._said].sum(1)
        self._agreeing = Agreement([said for _, said in known])
        self._intents = list(dict.fromkeys(intent for intent, _ in known))
        self._rows = {
            intent: np.array([row for row, (of, _) in enumerate(known) if of == intent]) for intent in self._intents
        }
        self._words = {intent: np.unique(self._said[rows]) for intent, rows in self._rows.items()}

    def compare(self, words: Sequence[str], slots: Mapping[str, Collection[int]]) -> dict[str, float]:
        """The similarity of `words` to each intent, 0 to 1; empty if there are too few words.

        `slots`: for each slot that has a value in `words`, the positions of the words that say it.
        """
        telling = set(_telling(words))
        places = [at for at, word in enumerate(words) if word in telling]
        if len(places) < _FEWEST:
            return {}
        columns = [self._column(words[at]) for at in places]
        alike = np.stack([column for column, _ in columns], 1)
        weights = np.array([weight for _, weight in columns], np.float32)
        for name, positions in slots.items():
            held = [number for number, at in enumerate(places) if at in positions]
            weights[held] = np.minimum(weights[held], _SLOT)
            if (slot := self._slots.get(f"{{{name}}}")) is not None:
                alike[slot, held] = 1.0
        acts = find_acts(words)
        for act in acts:
            held = [number for number, at in enumerate(places) if act.start <= at < act.end]
            if held and (row := self._acts.get(f"+{act.value}")) is not None:
                alike[row, held] = 1.0
                weights[held] = np.maximum(weights[held], _ACT / len(held))
        weights /= weights.sum()
        closest = alike.max(1) * self._weights
        heard = closest[self._said].sum(1) / self._wanted
        agreeing = self._agreeing({act.value for act in acts})
        found = {}
        for intent in self._intents:
            of_intent = float(alike[self._words[intent]].max(0) @ weights)
            rows = self._rows[intent]
            rows = rows[np.argsort(-heard[rows] * agreeing[rows], kind="stable")[:_NEAREST]]
            belongs = _OWN * (alike[self._said[rows]].max(1) @ weights) + (1 - _OWN) * of_intent
            nearness = agreeing[rows] * 2 * heard[rows] * belongs / (heard[rows] + belongs + 1e-9)
            found[intent] = round(float(nearness.max()), 4)
        return found

    def _column(self, word: str) -> tuple[Vector, float]:
        """The similarity of `word` to each word of the vocabulary (0 for no word), and its weight."""
        if (found := self._columns.get(word)) is None:
            vector = self._vectors[word]
            length = float(np.linalg.norm(vector))
            # Not a matrix product, because the threads that it starts cost more than it does.
            alike = np.einsum("ij,j->i", self._directions, vector / max(length, 1e-6))
            alike[alike < _ALIKE] = 0.0
            for other in kin(stem(word)):
                held = self._of_stem.get(other, [])
                alike[held] = np.maximum(alike[held], _AKIN)
            held = self._of_stem.get(stem(word), [])
            alike[held] = np.maximum(alike[held], _INFLECTED)
            found = np.append(np.minimum(alike, 1.0), np.float32(0.0)), length
            if len(self._columns) < _KEPT:
                self._columns[word] = found
        return found

    def _vector(self, word: str) -> Vector:
        return np.zeros(256, np.float32) if word[0] in "{+" else self._vectors[word]


def _telling(words: Sequence[str]) -> list[str]:
    """`words` without fillers, unless there is nothing else."""
    return [word for word in words if word not in FILLERS] or list(words)


def _normalized(vectors: Vector) -> tuple[Vector, Vector]:
    """The vectors scaled to length 1, and their former lengths."""
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors / np.maximum(lengths, 1e-6)[:, None], lengths
