"""The words of one utterance so far: first those that are settled, then those that may still change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sidecars.engine import Hypothesis, Word

AFTER_WORDS = frozenset(".,?!")
"""Models may write punctuation a pause later; it belongs to the preceding word."""


class Transcript:
    """Words that come in segments, each of which may come several times until it is settled.

    The settled text is the beginning of every later text. A segment may begin in the middle of a word, or with its
    period: then its first piece is joined to the last settled word.
    """

    def __init__(self, settled: Iterable[Word] = (), offset_s: float = 0.0) -> None:
        """`settled`: the first words; `offset_s`: where the audio begins to which the times of further words refer."""
        self._settled = tuple(settled)
        self._offset_s = offset_s

    @property
    def settled(self) -> Sequence[Word]:
        return self._settled

    def settle(self, words: Iterable[Word], *, goes_on: bool) -> None:
        """Settles `words`. `goes_on`: the first of them continues the last word."""
        self._settled = self._with(words, goes_on)

    def hypothesis(self, words: Iterable[Word] = (), *, goes_on: bool = False) -> Hypothesis:
        """Returns the whole text, including `words` that are not settled."""
        said = self._with(words, goes_on)
        confidence = sum(word.confidence for word in said) / len(said) if said else 0.0
        return Hypothesis(" ".join(word.text for word in said), confidence, said)

    def _with(self, words: Iterable[Word], goes_on: bool) -> tuple[Word, ...]:
        said = list(self._settled)
        for place, word in enumerate(words):
            start, end = (max(at + self._offset_s, 0.0) for at in (word.start, word.end))
            if said and ((goes_on and place == 0) or word.text in AFTER_WORDS):
                last = said.pop()
                confidence = min(last.confidence, word.confidence)
                said.append(replace(last, text=last.text + word.text, end=max(end, last.end), confidence=confidence))
            else:
                said.append(Word(word.text, start, end, min(max(word.confidence, 0.0), 1.0)))
        return tuple(said)
