"""When the caller speaks: Silero's probabilities, with hysteresis, on the caller's own sample clock."""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE, SpeechEnded, SpeechStarted, samples
from phone_daemon.settings.settings import VadSettings
from sidecars.silero import Silero

WINDOW = 256
"""Samples that Silero judges at once."""
LONGEST_GAP = SAMPLE_RATE
"""Samples of silence that stand for a longer hole in the audio: by then the model has forgotten what was before."""
FLINCH = 0.05
"""The model flinches at any sudden sound and calms down at once (a hum that sets in: 0.70, 0.67, 0.49, 0.31), while
with speech it grows surer. Speech does not start in a window that is less likely than the one before it by more."""
STIRRING = 0.1
"""Probability of a window that may be the beginning of speech."""


class Vad:
    """Turns the caller's audio into `SpeechStarted` and `SpeechEnded`.

    Speech starts where the probability rises above `release`, once it has stayed there for `min_speech_s` and has
    come above `threshold`; it ends once the probability has been below `release` for `wait`.
    """

    def __init__(self, settings: VadSettings) -> None:
        self._settings = settings
        self._min_speech = samples(settings.min_speech_s)
        self.wait = samples(settings.min_silence_s)
        """Samples of silence that end speech."""
        self._silero = Silero(SAMPLE_RATE)
        self._waiting = bytearray()
        self._position = 0
        """Where `_waiting` ends."""
        self.onset: int | None = None
        """First sample of the speech, or of what may become speech, that runs now; None: neither does."""
        self._last = 0
        self.speaking = False
        """Between `SpeechStarted` and `SpeechEnded`."""
        self.doubted = False
        """Speech does not start as long as this holds: what is heard may not be the caller."""
        self.far = False
        """What is heard as long as this holds is no speech of the caller's, but that of somebody behind them."""
        self._voice: int | None = None
        """First sample of the voice, whosever it is, that is heard now."""
        self.probability = 0.0
        """Of the last window."""

    @property
    def stirring(self) -> bool:
        """Whether the last window may be the beginning of speech: little to go by, but not nothing."""
        return self.probability >= STIRRING and not self.doubted

    @property
    def quiet(self) -> int:
        """Samples judged since the caller's last speech sample; 0 when they do not speak."""
        return self._position - len(self._waiting) // 2 - self._last if self.speaking else 0

    def feed(self, position: int, pcm: bytes) -> list[SpeechStarted | SpeechEnded]:
        """Takes 8 kHz audio of any even length that begins at `position`; a hole before it counts as silence.

        Raises `ValueError` when `position` lies before audio that was fed already.
        """
        hole = position - self._position
        if hole < 0:
            raise ValueError(f"audio at {position} after audio up to {self._position}")
        events: list[SpeechStarted | SpeechEnded] = []
        if hole:
            silence = min(hole, LONGEST_GAP)
            self._position = position - silence
            events += self._take(bytes(2 * silence))
        return events + self._take(pcm)

    def _take(self, pcm: bytes) -> list[SpeechStarted | SpeechEnded]:
        self._waiting += pcm
        self._position += len(pcm) // 2
        events: list[SpeechStarted | SpeechEnded] = []
        while len(self._waiting) >= 2 * WINDOW:
            window = bytes(self._waiting[: 2 * WINDOW])
            begin = self._position - len(self._waiting) // 2
            del self._waiting[: 2 * WINDOW]
            before, self.probability = self.probability, self._silero.probability(window)
            if event := self._judge(begin, before):
                events.append(event)
        return events

    def _judge(self, begin: int, before: float) -> SpeechStarted | SpeechEnded | None:
        """What the window that begins at `begin` changes; `before` is the probability of the one before it."""
        end = begin + WINDOW
        if self.probability < self._settings.release:
            self._voice = None
        elif self._voice is None:
            self._voice = begin
        if self._voice is not None and not self.far:
            if self.onset is None:
                self.onset = max(self._voice, begin - self._min_speech)
            self._last = end
        elif not self.speaking:
            self.onset = None
        if self.speaking:
            if end - self._last >= self.wait:
                self.speaking = False
                self.onset = None
                # The model gets used to a voice: with the state that it has after a caller's first turns it misses
                # one later turn in six and notices the others 80 ms late; with a fresh one, 1 in 84.
                self._silero = Silero(SAMPLE_RATE)
                return SpeechEnded(last=self._last, position=self._position)
            return None
        flinches = self.probability < before - FLINCH
        if self.onset is None or end - self.onset < self._min_speech or flinches or self.doubted:
            return None
        if self.probability < self._settings.threshold:
            return None
        self.speaking = True
        return SpeechStarted(onset=self.onset, position=self._position)
