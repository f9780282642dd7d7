"""Whether the caller takes the floor: noise must not, words must, and a policy may say no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from phone_daemon.call.floor import HAS_FLOOR, State
from phone_daemon.language.remarks import REMARKS, is_remark


class BargeInMode(StrEnum):
    SPEECH = "speech"
    """The agent yields as soon as the VAD is sure of speech: the fastest."""
    WORDS = "words"
    """The agent yields once `min_words` were recognised: slower, for noisy lines and talkative listeners."""
    OFF = "off"
    """The agent finishes what it says."""


@dataclass(frozen=True, slots=True)
class BargeIn:
    """A dialplan's barge-in policy (`[barge_in]`)."""

    mode: BargeInMode = BargeInMode.SPEECH
    min_words: int = 2
    greeting: bool = True
    """Whether the greeting can be interrupted."""
    digits: bool = True
    """Whether a pressed key interrupts, whatever the mode."""
    remarks: Sequence[str] = REMARKS
    """What listeners say without wanting the floor."""

    def _open(self, state: State) -> bool:
        return state in HAS_FLOOR and (self.greeting or state is not State.GREETING)

    def on_speech(self, state: State) -> bool:
        """True when the onset of speech alone takes the floor.

        In THINKING nothing of the reply has been heard: the caller has simply not finished, in every mode.
        """
        return state is State.THINKING or (self._open(state) and self.mode is BargeInMode.SPEECH)

    def by_words(self, state: State) -> bool:
        """True when words can take the floor."""
        return self._open(state) and self.mode is BargeInMode.WORDS

    def on_words(self, state: State, text: str) -> bool:
        """True when a transcript takes the floor."""
        return self.by_words(state) and len(text.split()) >= self.min_words and not self.is_remark(text)

    def is_remark(self, text: str) -> bool:
        """True when a listener may say `text` without wanting the floor."""
        return is_remark(text, self.remarks)

    def on_digit(self, state: State) -> bool:
        """True when a pressed key takes the floor."""
        return self.digits and self._open(state)
