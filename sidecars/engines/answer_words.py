"""The answers to a question as callers say them, for a decoder that may spell nothing else.

Asked for a yes or a no, people mostly say one. If what was heard is no answer ("I'm close" for "uh-huh"), the answer
that is likeliest by the sound is mostly what was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sidecars.engines.word_grammar import Vocabulary, WordGrammar

LEADS = (
    *("um", "uh", "er", "erm", "oh", "ah", "hm", "hmm", "well", "so", "okay", "right", "actually", "sorry", "look"),
    *("i think", "i guess"),
)
"""What people say before any answer."""
_WORD = re.compile(r"[a-z']+")


class AnswerWords(WordGrammar[int]):
    """A `Grammar` of whole phrases, with or without one of `LEADS` before them. A place is a node of the tree that they
    form; its root is 0."""

    def __init__(self, vocabulary: Vocabulary, phrases: Iterable[str]) -> None:
        super().__init__(vocabulary, 0)
        self._next: list[dict[str, int]] = [{}]
        self._ends = {self._add(phrase) for phrase in phrases} - {0}
        self._leads = {self._add(lead) for lead in LEADS} if self._ends else set()

    def _add(self, phrase: str) -> int:
        """Returns the node at which `phrase` ends."""
        node = 0
        for word in _WORD.findall(phrase.lower()):
            if word not in self._next[node]:
                self._next[node][word] = len(self._next)
                self._next.append({})
            node = self._next[node][word]
        return node

    def words(self, place: int) -> Mapping[str, int]:
        """See `WordGrammar`."""
        after = self._next[0] if place in self._leads else {}
        return {**after, **self._next[place]}

    def whole(self, place: int) -> bool:
        """See `WordGrammar`."""
        return place in self._ends

    def fits(self, text: str) -> bool:
        """Whether `text` is an answer, or several: callers combine them as they like."""
        nodes = {0}
        for word in _WORD.findall(text.lower()):
            starts = nodes | ({0} if nodes & (self._ends | self._leads) else set())
            nodes = {self._next[node][word] for node in starts if word in self._next[node]}
        return not nodes.isdisjoint(self._ends)
