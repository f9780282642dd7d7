"""What a caller's words may mean: intents with their scores, values, and a yes or a no."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import sqrt

from phone_daemon.agent.script.scoring import Matcher, Score
from phone_daemon.agent.script.state import Asked, State
from phone_daemon.dialplan.intents import Script, Then
from phone_daemon.dialplan.slots import Text, YesNo
from phone_daemon.language.yes_no import only_yes_or_no, yes_or_no

NONE = Score("", 0.0)
SHORT = 8
"""Most words in which callers usually say goodbye, or ask for a moment or a repetition; a longer sentence is less
likely to mean that."""


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


_SHORT = (Then.HANG_UP, Then.LISTEN, Then.REPEAT)


class Reader:
    def __init__(self, script: Script) -> None:
        self._slots = script.slots
        self._short = {name for name, intent in script.intents.items() if intent.then in _SHORT}
        self._matcher = matcher(tuple((name, tuple(intent.sentences)) for name, intent in script.intents.items()))

    def read(self, words: Sequence[str], state: State) -> Reading:
        """What `words` may mean to an agent in `state`."""
        values: dict[str, str] = {}
        where: dict[str, Collection[int]] = {}
        for name, slot in self._slots.items():
            expected = state.asked is Asked.SLOT and state.slot == name
            if isinstance(slot.kind, Text | YesNo) and not expected:
                continue
            if found := slot.kind.find(words, expected):
                values[name] = found[-1].value
                where[name] = [at for each in found for at in range(each.start, each.end)]
        # While a request is open, a value answers its question, and does not indicate another request.
        open_request = state.asked in (Asked.SLOT, Asked.CONFIRM, Asked.CHANGE)
        ranked = self._weighed(self._matcher.rank(words, {} if open_request else where), len(words))
        confirming = state.asked is Asked.CONFIRM
        return Reading(ranked, values, yes_or_no(words, confirming), only_yes_or_no(words, confirming))

    def _weighed(self, ranked: Sequence[Score], count: int) -> Sequence[Score]:
        """`ranked`, with lower scores for what nobody says in `count` words."""
        if count <= SHORT:
            return ranked
        less = sqrt(SHORT / count)
        weighed = (replace(each, score=each.score * less) if each.intent in self._short else each for each in ranked)
        return sorted(weighed, key=lambda each: -each.score)
