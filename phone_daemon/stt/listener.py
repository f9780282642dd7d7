"""The ears of one call: when the caller speaks, and the utterance that hears it.

One utterance listens and a spare stands ready with its session open, so that taking the floor is a swap and a feed
of the pre-roll: no first word is lost while anything is opened or closed.
"""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.events import FRAME_SAMPLES, SAMPLE_RATE, Frame, SpeechEnded, SpeechStarted
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.pre_roll import PreRoll
from phone_daemon.stt.utterance import Utterance
from phone_daemon.stt.vad import Vad


class Listener:
    """Feeds the utterance while its gate is open: while the caller speaks, and while the agent does."""

    def __init__(self, settings: VadSettings, open_utterance: Callable[[str], Utterance]) -> None:
        """`open_utterance` is told what is expected."""
        self._vad = Vad(settings)
        self._pre_roll = PreRoll(settings)
        self._open_utterance = open_utterance
        self._expected = ""
        self.utterance = open_utterance("")
        self._spare = open_utterance("")
        self.attending = False
        """Whether the gate is open."""
        self._since = 0
        self.position = 0
        """Samples heard so far."""

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks."""
        return self._vad.speaking

    @property
    def onset(self) -> int:
        """Where the speech began that runs now; now when none does."""
        return self.position if self._vad.onset is None else self._vad.onset

    @property
    def quiet(self) -> int:
        """Samples since the caller's last speech sample; 0 when they do not speak."""
        return self._vad.quiet

    @property
    def attended_s(self) -> float:
        """How long the utterance has been fed."""
        return (self.position - self._since) / SAMPLE_RATE if self.attending else 0.0

    def wait(self, grace: int) -> None:
        """Until further notice, `grace` samples of silence on top of the usual do not end the caller's speech."""
        self._vad.grace = grace

    def hear(self, frame: Frame) -> list[SpeechStarted | SpeechEnded]:
        """Takes the caller's next 20 ms."""
        self.position = frame.position + FRAME_SAMPLES
        self._pre_roll.feed(frame.position, frame.pcm)
        if self.attending:
            self.utterance.feed(frame.pcm)
        return self._vad.feed(frame.position, frame.pcm)

    def attend(self, onset: int | None = None) -> Utterance:
        """Opens the gate of the utterance; with an `onset`, it first hears the pre-roll and everything since."""
        self.attending = True
        self._since = self.position if onset is None else onset
        if onset is not None:
            self.utterance.feed(self._pre_roll.since(onset))
        return self.utterance

    def swap(self) -> Utterance:
        """Closes the gate, puts the spare in place, and gives back the utterance that has been listening."""
        self.attending = False
        old, self.utterance = self.utterance, self._spare
        self._spare = self._open_utterance(self._expected)
        return old

    def expect(self, expected: str) -> None:
        """From the next `swap` on, the caller's words most likely come from the set of phrases called `expected`."""
        if expected != self._expected:
            self._expected = expected
            self._spare.close()
            self._spare = self._open_utterance(expected)

    def close(self) -> None:
        """Lets go of both utterances. Idempotent."""
        self.utterance.close()
        self._spare.close()
