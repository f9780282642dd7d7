"""Restricts a decoder to the answers to a question, as callers say them.

People who are asked for a yes or a no usually say one. If the transcript is not an answer ("I'm close" for "uh-huh"),
the answer that is likeliest by its sound is usually right.
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
TRAILS = (
    *("please", "thanks", "thank you", "then", "if possible", "for me", "is fine", "is good"),
    *("would be good", "would be great", "works", "if that's okay"),
)
"""What people say after any answer."""
_WORD = re.compile(r"[a-z']+")
_START, _LED, _AFTER = range(3)
"""The roots of the trees."""


class AnswerWords(WordGrammar[int]):
    """A `Grammar` of whole phrases, optionally with one of `LEADS` before and one of `TRAILS` after them.

    A place is a node of three trees: of phrases and leads, of phrases, and of trails. Only one lead may be spelled,
    because an unsure decoder would otherwise continue with "um, um, um" and find no answer.
    """

    def __init__(self, vocabulary: Vocabulary, phrases: Iterable[str]) -> None:
        super().__init__(vocabulary, _START)
        self._next: list[dict[str, int]] = [{}, {}, {}]
        self._ends = {self._add(phrase, root) for phrase in phrases for root in (_START, _LED)} - {_START, _LED}
        self._leads = {self._add(lead, _START) for lead in LEADS} if self._ends else set()
        self._trails = {self._add(trail, _AFTER) for trail in TRAILS}

    def _add(self, phrase: str, node: int) -> int:
        """Returns the node at which `phrase` ends, if it begins at `node`."""
        for word in _WORD.findall(phrase.lower()):
            if word not in self._next[node]:
                self._next[node][word] = len(self._next)
                self._next.append({})
            node = self._next[node][word]
        return node

    def words(self, place: int) -> Mapping[str, int]:
        """See `WordGrammar`."""
        trails = self._next[_AFTER] if place in self._ends else {}
        led = self._next[_LED] if place in self._leads else {}
        return {**trails, **led, **self._next[place]}

    def whole(self, place: int) -> bool:
        """See `WordGrammar`."""
        return place in self._ends or place in self._trails

    def fits(self, text: str) -> bool:
        """Whether `text` consists of one or more answers, which callers combine freely."""
        nodes, answered = {_START}, self._ends | self._trails
        for word in _WORD.findall(text.lower()):
            starts = nodes | ({_START} if nodes & (answered | self._leads) else set())
            starts |= {_AFTER} if nodes & answered else set()
            nodes = {self._next[node][word] for node in starts if word in self._next[node]}
        return not nodes.isdisjoint(answered)
