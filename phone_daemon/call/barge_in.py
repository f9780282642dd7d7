"""Whether the caller takes the floor. Noise must not take it, words must, and a policy may forbid it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phone_daemon.call.floor import HAS_FLOOR, State
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.keys import BargeIn
from phone_daemon.dialplan.policy import Policy
from phone_daemon.language.remarks import asks_for_floor, claim, is_remark, wants_floor

LONG_WORD = 7
"""Letters."""


def vocabulary(dialplan: Dialplan) -> frozenset[str]:
    """Words that callers say to a dialplan, except short ones, which the recognizer more often makes up."""
    return frozenset(word for phrase in dialplan.phrases() for word in phrase.split() if len(word) >= LONG_WORD)


@dataclass(frozen=True, slots=True)
class BargeInPolicy:
    """A dialplan's `[barge_in]`, applied."""

    keys: BargeIn
    own: Callable[[], Policy | None] = lambda: None
    """The policy of the reply that has the floor, if it has its own."""

    vocabulary: frozenset[str] = frozenset()
    """Words that callers may say to this dialplan."""

    @property
    def policy(self) -> Policy:
        """The policy in effect."""
        return self.own() or self.keys.policy

    def _open(self, state: State) -> bool:
        return state in HAS_FLOOR and (self.keys.greeting or state is not State.GREETING)

    def on_speech(self, state: State) -> bool:
        """True when the onset of speech alone takes the floor. In THINKING, whatever the policy, nothing of the reply
        has been heard, so the caller has simply not finished.
        """
        return state is State.THINKING or (self._open(state) and self.policy == "speech")

    def by_evidence(self, state: State) -> bool:
        """True when speech makes the agent speak softly until it is clear what the speech is."""
        return state is not State.THINKING and self._open(state) and self.policy == "adaptive"

    def by_words(self, state: State, *, alone: bool = False) -> bool:
        """True when words can take the floor; `alone`: only words can."""
        return (self.by_evidence(state) and not alone) or (self._open(state) and self.policy == "words")

    def on_words(self, state: State, text: str) -> bool:
        """True when a transcript takes the floor."""
        if self.by_evidence(state):
            return self.wants_floor(text)
        return self.by_words(state) and len(text.split()) >= self.keys.min_words and not self.is_remark(text)

    def claim(self, text: str, *, over: bool = True) -> float:
        """How strongly `text` claims the floor, in words; `over`: nothing more comes."""
        return claim(text, self.keys.remarks, self.vocabulary, over=over)

    def wants_floor(self, text: str) -> bool:
        """True when `text` is neither a remark nor what a recognizer makes of one."""
        return wants_floor(text, self.keys.remarks, self.vocabulary)

    def asks_for_floor(self, text: str) -> bool:
        """True when `text` is something that callers take the floor with, which is more than not being a remark."""
        return self.wants_floor(text) and asks_for_floor(text, self.vocabulary)

    def is_remark(self, text: str) -> bool:
        """True when a listener may say `text` without wanting the floor."""
        return is_remark(text, self.keys.remarks)

    def on_digit(self, state: State) -> bool:
        """True when a pressed key takes the floor."""
        return self.keys.digits and self._open(state)
