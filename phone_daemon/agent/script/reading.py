"""Finds what a caller's words may mean: intents with their scores, values, and a yes or a no."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import sqrt

from phone_daemon.agent.script.common_requests import common_wordings
from phone_daemon.agent.script.meaning import Meaning
from phone_daemon.agent.script.misheard import Misheard
from phone_daemon.agent.script.off_topic import LESS, OffTopic
from phone_daemon.agent.script.scoring import LEAST, SURE, Matcher, Score
from phone_daemon.agent.script.state import Asked, State
from phone_daemon.agent.script.word_vectors import word_vectors
from phone_daemon.dialplan.intents import Script, Then
from phone_daemon.dialplan.slots import Text, YesNo
from phone_daemon.language.acts import ABSENT, CHANGE, DROP, find_acts, wanted_part
from phone_daemon.language.yes_no import gives_up, only_yes_or_no, yes_or_no
from sidecars.languages import is_english

NONE = Score("", 0.0)
SHORT = 8
"""The most words in which callers usually say goodbye, or ask for a moment or a repetition; longer sentences are less
likely to mean that."""

_LINKS = frozenset(("and", "also", "then", "plus", "oh"))
"""Words that begin a second request."""
_OF_ONE = frozenset((ABSENT, CHANGE, DROP))
"""Acts that apply to something that was mentioned before."""
_MOST_LINKS = 2
_PART = 3
"""The fewest words of a request."""
_BOTH = 0.65
"""The least score of each of two requests."""
MEANT = 0.7
"""The share of `Meaning` in a score, where there is one; the rest is the `Matcher`'s."""


_Where = dict[str, Collection[int]]
"""For each slot that has a value in a sentence, the positions of the words that say it."""


@dataclass(frozen=True, slots=True)
class Reading:
    ranked: Sequence[Score] = ()
    """Intents, best first."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The value of each slot that has one."""
    answer: str = ""
    """`yes`, `no`, or empty."""
    only: bool = False
    """Whether nothing was said besides the yes or no."""
    agreed: bool = True
    """Whether `Matcher` and `Meaning` agree on the intent."""
    gives_up: bool = False
    """Whether the caller only said that the subject of the conversation is not wanted after all."""

    @property
    def best(self) -> Score:
        return self.ranked[0] if self.ranked else NONE

    def other_than(self, intent: str) -> Score:
        return next((score for score in self.ranked if score.intent != intent), NONE)

    def score(self, intent: str) -> float:
        return next((score.score for score in self.ranked if score.intent == intent), 0.0)


@lru_cache(maxsize=32)
def matcher(sentences: tuple[tuple[str, tuple[str, ...]], ...]) -> Matcher:
    """One matcher for all calls, because creating one takes 40 ms, which would delay the caller and every other
    call."""
    return Matcher(dict(sentences))


@lru_cache(maxsize=32)
def meaning(sentences: tuple[tuple[str, tuple[str, ...]], ...]) -> Meaning | None:
    """One for all calls, like the matcher; None if there are no word vectors."""
    vectors = word_vectors()
    return None if vectors is None else Meaning(vectors, dict(sentences))


@lru_cache(maxsize=32)
def off_topic(sentences: tuple[tuple[str, tuple[str, ...]], ...]) -> OffTopic:
    return OffTopic(dict(sentences))


@lru_cache(maxsize=32)
def misheard(sentences: tuple[tuple[str, tuple[str, ...]], ...]) -> Misheard:
    return Misheard(sentence for _, said in sentences for sentence in said)


_SHORT = (Then.HANG_UP, Then.LISTEN, Then.REPEAT)


class Reader:
    def __init__(self, script: Script, language: str = "en") -> None:
        """`language`: a code such as "de"; word vectors are only for English."""
        self._slots = script.slots
        self._short = {name for name, intent in script.intents.items() if intent.then in _SHORT}
        self._more = {name for name, intent in script.intents.items() if intent.then is Then.MORE and intent.offer}
        self._english = english = is_english(language)
        sentences = tuple(
            (name, (*intent.sentences, *(common_wordings(intent) if english else ())))
            for name, intent in script.intents.items()
        )
        self._matcher = matcher(sentences)
        self._meaning = meaning(sentences) if english else None
        wanted = tuple((name, intent.sentences) for name, intent in script.intents.items() if name not in self._short)
        self._off_topic = off_topic(wanted) if english else None
        self._misheard = misheard(sentences) if english else None

    def read(self, words: Sequence[str], state: State) -> Reading:
        """What `words` may mean to an agent in `state`."""
        said = words
        if self._english:
            words = wanted_part(words)
        values, where = self._found(words, state)
        ranked, agreed = self._requests(words, where, state)
        confirming, closing = state.asked in (Asked.CONFIRM, Asked.OFFER), state.asked is Asked.ELSE
        return Reading(
            ranked,
            values,
            yes_or_no(said, confirming, closing),
            only_yes_or_no(said, confirming, closing),
            agreed,
            gives_up(said),
        )

    def _found(self, words: Sequence[str], state: State) -> tuple[dict[str, str], _Where]:
        """The value of each slot that has one in `words`, and the positions of the words that say it."""
        values: dict[str, str] = {}
        where: _Where = {}
        for name, slot in self._slots.items():
            expected = state.asked is Asked.SLOT and state.slot == name
            if isinstance(slot.kind, Text | YesNo) and not expected:
                continue
            if found := slot.kind.find(words, expected):
                values[name] = found[-1].value
                where[name] = [at for each in found for at in range(each.start, each.end)]
        return values, where

    def _requests(self, words: Sequence[str], where: _Where, state: State) -> tuple[Sequence[Score], bool]:
        """The intents that `words`, or similar-sounding words of the dialplan, may ask for, best first; and whether
        words and meaning agree."""
        if self._misheard is None:
            return self._compared(words, where, state)
        corrected = self._misheard(words)
        found = where if corrected == list(words) else self._found(corrected, state)[1]
        ranked, agreed = self._compared(corrected, found, state)
        if not ranked or ranked[0].score < LEAST:
            alone = self._misheard(words, alone=True)
            if alone != corrected:
                again, agree = self._compared(alone, self._found(alone, state)[1], state)
                if again and again[0].score >= LEAST:
                    return again, agree
        return ranked, agreed

    def _compared(self, words: Sequence[str], where: _Where, state: State) -> tuple[Sequence[Score], bool]:
        # While a request is open, a value answers its question, and does not indicate another request.
        open_request = state.asked in (Asked.SLOT, Asked.CONFIRM, Asked.CHANGE)
        ranked, agreed = self._ranked(words, {} if open_request else where)
        if self._off_topic is not None and self._off_topic(words):
            ranked = [each if each.intent in self._short else replace(each, score=each.score * LESS) for each in ranked]
            ranked.sort(key=lambda each: -each.score)
        return self._weighed(ranked, len(words)), agreed

    def both(self, words: Sequence[str], state: State) -> tuple[Reading, Reading] | None:
        """The meaning of two requests in `words`, one after the other; None if there are not clearly two.

        Both must allow the other to follow: a request that ends the call or transfers it is handled first and alone.
        """
        links = [at for at in range(_PART, len(words) - _PART) if words[at] in _LINKS and words[at - 1] not in _LINKS]
        for at in links[:_MOST_LINKS]:
            after = at
            while after < len(words) and words[after] in _LINKS:
                after += 1
            first, second = self.read(words[:at], state), self.read(words[after:], state)
            one, other = first.best, second.best
            doubtful = one.intent == other.intent or min(one.score, other.score) < _BOTH
            # "I have one on Friday and can't make it", "I can't come and need another day" are about one thing.
            done, undone = ({act.value for act in find_acts(part)} & _OF_ONE for part in (words[:at], words[after:]))
            same = undone and (not done or CHANGE in undone)
            if not doubtful and not same and {one.intent, other.intent} <= self._more:
                return first, second
        return None

    def _ranked(self, words: Sequence[str], slots: Mapping[str, Collection[int]]) -> tuple[Sequence[Score], bool]:
        """Intents with a score above 0, best first, and whether both comparisons agree on the best, or the words alone
        leave no doubt."""
        ranked = self._matcher.rank(words, slots)
        near = self._meaning.compare(words, slots) if self._meaning is not None else {}
        if not near:
            return ranked, True
        scores = {each.intent: each.score for each in ranked}
        both = [
            Score(intent, round((1 - MEANT) * scores.get(intent, 0.0) + MEANT * share, 6))
            for intent, share in near.items()
        ]
        found = sorted((each for each in both if each.score > 0), key=lambda each: -each.score)
        nearest = max(near, key=lambda intent: near[intent])
        return found, not ranked or ranked[0].score >= SURE or ranked[0].intent == nearest

    def _weighed(self, ranked: Sequence[Score], count: int) -> Sequence[Score]:
        """`ranked`, with lower scores for intents that nobody expresses in `count` words."""
        if count <= SHORT:
            return ranked
        less = sqrt(SHORT / count)
        weighed = (replace(each, score=each.score * less) if each.intent in self._short else each for each in ranked)
        return sorted(weighed, key=lambda each: -each.score)
