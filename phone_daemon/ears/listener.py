"""The ears of one call: when the caller speaks, and the utterance that hears it.

One utterance listens and a spare stands ready with its session open, so that taking the floor is a swap and a feed
of the pre-roll: no first word is lost while anything is opened or closed.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.ears.utterance import Utterance
from phone_daemon.ears.vad import Vad
from phone_daemon.events import FRAME_SAMPLES, Frame, SpeechEnded, SpeechStarted


class Listener:
    """Feeds the utterance while its gate is open: while the caller speaks, or while the agent does."""

    def __init__(self, vad: Vad, utterance: Callable[[], Utterance]) -> None:
        self._vad = vad
        self._make = utterance
        self._listening = utterance()
        self._spare = utterance()
        self._gate = False
        self._since = 0
        self._position = 0

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks, or may have begun to."""
        return self._vad.speaking

    @property
    def heard_s(self) -> float:
        """Seconds since the utterance began to be fed."""
        return (self._position - self._since) / 8000 if self._gate else 0.0

    def hear(self, frame: Frame) -> list[SpeechStarted | SpeechEnded]:
        """Takes the caller's next 20 ms."""
        self._position = frame.position + FRAME_SAMPLES
        events = self._vad.feed(frame.position, frame.pcm)
        if self._gate:
            self._listening.feed(frame.pcm)
        return events

    def attend(self, onset: int | None) -> None:
        """Opens the gate; with an `onset`, the utterance first hears the pre-roll and everything since."""
        self._gate = True
        self._since = self._position if onset is None else onset
        if onset is not None:
            self._listening.feed(self._vad.pre_roll(onset))

    def swap(self) -> Utterance:
        """Closes the gate, puts the spare in place, and gives back the utterance that has been listening."""
        self._gate = False
        old, self._listening = self._listening, self._spare
        self._spare = self._make()
        return old

    @property
    def utterances(self) -> tuple[Utterance, Utterance]:
        return self._listening, self._spare
