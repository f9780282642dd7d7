"""Whether the caller takes the floor: noise must not, words must, and a policy may say no."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from phone_daemon.call.floor import HAS_FLOOR, State


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
        return self.by_words(state) and len(text.split()) >= self.min_words

    def on_digit(self, state: State) -> bool:
        """True when a pressed key takes the floor."""
        return self.digits and self._open(state)
