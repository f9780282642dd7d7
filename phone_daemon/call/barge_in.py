"""Whether the caller takes the floor: noise must not, words must, and a policy may say no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phone_daemon.call.floor import HAS_FLOOR, State
from phone_daemon.dialplan.keys import BargeIn
from phone_daemon.dialplan.policy import Policy
from phone_daemon.language.remarks import is_remark


@dataclass(frozen=True, slots=True)
class BargeInPolicy:
    """A dialplan's `[barge_in]`, applied."""

    keys: BargeIn
    own: Callable[[], Policy | None] = lambda: None
    """The policy of the reply that has the floor, where it has one of its own."""

    @property
    def policy(self) -> Policy:
        """The one that counts now."""
        return self.own() or self.keys.policy

    def _open(self, state: State) -> bool:
        return state in HAS_FLOOR and (self.keys.greeting or state is not State.GREETING)

    def on_speech(self, state: State) -> bool:
        """True when the onset of speech alone takes the floor.

        In THINKING nothing of the reply has been heard: the caller has simply not finished, whatever the policy.
        """
        return state is State.THINKING or (self._open(state) and self.policy in ("speech", "adaptive"))

    def by_words(self, state: State) -> bool:
        """True when words can take the floor."""
        return self._open(state) and self.policy == "words"

    def on_words(self, state: State, text: str) -> bool:
        """True when a transcript takes the floor."""
        return self.by_words(state) and len(text.split()) >= self.keys.min_words and not self.is_remark(text)

    def is_remark(self, text: str) -> bool:
        """True when a listener may say `text` without wanting the floor."""
        return is_remark(text, self.keys.remarks)

    def on_digit(self, state: State) -> bool:
        """True when a pressed key takes the floor."""
        return self.keys.digits and self._open(state)
