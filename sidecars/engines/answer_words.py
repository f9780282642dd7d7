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
TRAILS = (
    *("please", "thanks", "thank you", "then", "if possible", "for me", "is fine", "is good"),
    *("would be good", "would be great", "works", "if that's okay"),
)
"""What they say after any answer."""
_WORD = re.compile(r"[a-z']+")
_START, _LED, _AFTER = range(3)
"""The roots of the trees."""


class AnswerWords(WordGrammar[int]):
    """A `Grammar` of whole phrases, with or without one of `LEADS` before and one of `TRAILS` after them.

    A place is a node of three trees: of phrases and leads, of phrases, and of trails. Only one lead may be spelled,
    because a decoder that is unsure goes on with "um, um, um" otherwise, and no answer is found.
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
        """Whether `text` is an answer, or several: callers combine them as they like."""
        nodes, answered = {_START}, self._ends | self._trails
        for word in _WORD.findall(text.lower()):
            starts = nodes | ({_START} if nodes & (answered | self._leads) else set())
            starts |= {_AFTER} if nodes & answered else set()
            nodes = {self._next[node][word] for node in starts if word in self._next[node]}
        return not nodes.isdisjoint(answered)
