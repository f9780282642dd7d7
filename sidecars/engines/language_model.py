"""An n-gram language model of expected phrases, mixed with a general one, in the ARPA format that recognisers load.

Trigrams of the phrases by absolute discounting; each probability is then interpolated with the general model's. The
general model keeps an unexpected sentence from being forced into the phrases; the phrases make expected ones easy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

START, END = "<s>", "</s>"
DISCOUNT = 0.5
"""Taken from each n-gram seen, and given to those unseen."""

Gram = tuple[str, ...]
Probability = Callable[[str, Gram], float]
"""Of a word after a history of at most one word."""


class Phrases:
    """Trigram model of phrases.

    Phrases come expanded from templates ("can I come on <day> at <time>"), so how often an n-gram is seen says how
    many values a slot has and not how likely it is: counts are damped by `damping` (1: as they are, 0: all alike).
    """

    def __init__(self, phrases: Iterable[tuple[Sequence[str], float]], damping: float = 0.5) -> None:
        """`phrases`: each with how often it counts as said."""
        counts: dict[Gram, float] = defaultdict(float)
        for words, times in phrases:
            text = (START, *words, END)
            for size in (1, 2, 3):
                for begin in range(len(text) - size + 1):
                    counts[text[begin : begin + size]] += times
        counts.pop((START,), None)  # never predicted
        self.seen: dict[Gram, dict[str, float]] = {(): {}}
        """By history: the words seen after it, with their damped counts."""
        for gram, count in counts.items():
            self.seen.setdefault(gram[:-1], {})[gram[-1]] = count**damping
        self._sums = {history: sum(after.values()) or 1.0 for history, after in self.seen.items()}

    def probability(self, word: str, history: Gram) -> float:
        """P(word | history)."""
        after = self.seen.get(history)
        if after is None:
            return self.probability(word, history[1:]) if history else 0.0
        total = self._sums[history]
        if not history:
            return after.get(word, 0.0) / total
        rest = DISCOUNT * len(after) / total
        return max(after.get(word, 0.0) - DISCOUNT, 0.0) / total + rest * self.probability(word, history[1:])


def arpa(
    phrases: Phrases,
    general: Probability,
    words: Iterable[str],
    pairs: Mapping[str, Iterable[str]],
    weight: float,
) -> str:
    """The mixture `weight` × phrases + (1 - `weight`) × general, as an ARPA file.

    `words`: all that can be said, those of the phrases included; `pairs`: by word, the words that get an entry of
    their own after it because the general model has more to say of them there than how frequent they are.
    """
    vocabulary = sorted({*words, END})
    whole = sum(general(word, ()) for word in vocabulary)

    def mixed(word: str, history: Gram) -> float:
        other = general(word, history[-1:]) / (whole if not history else 1.0)
        return weight * phrases.probability(word, history) + (1 - weight) * other

    table: dict[Gram, dict[str, float]] = {(): {word: mixed(word, ()) for word in vocabulary}}
    for first in (START, *(word for word in vocabulary if word != END)):
        if both := {*phrases.seen.get((first,), ()), *pairs.get(first, ())}:
            table[(first,)] = {word: mixed(word, (first,)) for word in sorted(both)}
    for history, seen in phrases.seen.items():
        if len(history) == 2:
            table[history] = {word: mixed(word, history) for word in sorted(seen)}

    def probability(word: str, history: Gram) -> float:
        found = table.get(history, {}).get(word)
        if found is None and history:
            return back_off(history) * probability(word, history[1:])
        assert found is not None, f"{word} is not among the words"
        return found

    def back_off(history: Gram) -> float:
        after = table.get(history)
        if after is None:
            return 1.0
        left = 1.0 - sum(after.values())
        return max(left, 1e-6) / max(1.0 - sum(probability(word, history[1:]) for word in after), 1e-6)

    grams: dict[int, list[str]] = {1: [f"-99 {START} {_log(back_off((START,))):.4f}"], 2: [], 3: []}
    for history, after in table.items():
        for word, value in after.items():
            gram = (*history, word)
            line = f"{_log(value):.4f} {' '.join(gram)}"
            if len(gram) < 3 and word != END:
                line += f" {_log(back_off(gram)):.4f}"
            grams[len(gram)].append(line)
    head = "\n".join(f"ngram {size}={len(lines)}" for size, lines in grams.items())
    body = "\n\n".join(f"\\{size}-grams:\n" + "\n".join(lines) for size, lines in grams.items())
    return f"\\data\\\n{head}\n\n{body}\n\n\\end\\\n"


def _log(value: float) -> float:
    return math.log10(max(value, 1e-9))
