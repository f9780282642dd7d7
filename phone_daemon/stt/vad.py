"""Detects when the caller speaks, by Silero's probabilities with hysteresis, on the caller's own sample clock."""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE, SpeechEnded, SpeechStarted, samples
from phone_daemon.settings.settings import VadSettings
from sidecars.silero import WINDOW, Silero

LONGEST_GAP = SAMPLE_RATE
"""The most silence, in samples, that is fed for a gap in the audio; after that the model has forgotten what came
before."""
FLINCH = 0.05
"""The model reacts to any sudden sound but then quickly becomes less sure (at the onset of a hum: 0.70, 0.67, 0.49,
0.31), while for speech it becomes surer. So speech does not start in a window whose probability is lower than that of
the window before by more than this."""
STIRRING = 0.1
"""Probability from which a window may be the beginning of speech."""
BEGINNING, SUSTAINED = 0.1, 6 * WINDOW
"""If speech is awaited, it also starts once the probability has stayed above `BEGINNING` for this many samples, because
the model is never sure of a short word in noise. Of 475 yes and no answers for tuning, 10 to 40 dB above noise, all but
one start; with a threshold of 0.2, all but 9. Of 311 sounds without speech, 115 start instead of 102; the recognizer
then rejects them."""
SOFTEST_DB, LOUDEST_DB = -23.0, -17.0
"""The levels between which the model notices a voice soonest; a softer or louder caller is amplified or attenuated to
the nearer one. In 241 recordings for tuning, speech starts after 536, 376, and 302 ms (95th percentile) at levels of
-35, -30, and -10 dB relative to full scale, and after 208 ms at -20 dB. Of 228 sounds without speech, 69 start;
amplified by 6 to 15 dB, 69 to 74 do."""
MOST_DB = 18.0
"""The most amplification or attenuation."""


class Vad:
    """Turns the caller's audio into `SpeechStarted` and `SpeechEnded`.

    Speech starts where the probability rises above `release`, once it has stayed there for `min_speech_s` and has
    exceeded `threshold`; if it is `awaited`, see `SUSTAINED`. It ends once the probability has been below `release` for
    `wait`.
    """

    def __init__(self, settings: VadSettings) -> None:
        self._settings = settings
        self._min_speech = samples(settings.min_speech_s)
        self.wait = samples(settings.min_silence_s)
        """Samples of silence that end speech."""
        self._silero = Silero()
        self._waiting = bytearray()
        self._position = 0
        """The position at which `_waiting` ends."""
        self.onset: int | None = None
        """The first sample of the current or possible speech; None if there is neither."""
        self._last = 0
        self.speaking = False
        """Whether the caller is between `SpeechStarted` and `SpeechEnded`."""
        self.doubted = False
        """While true, speech does not start, because the sound may not be the caller."""
        self.awaited = False
        """While true, an answer is expected, and speech starts on less evidence."""
        self.level_db: float | None = None
        """The caller's level, in dB relative to full scale; None if it is not yet known."""
        self._gain = 1.0
        self.far = False
        """While true, the sound counts as somebody behind the caller, and not as their speech."""
        self.close = False
        """While true, all of the current voice is the caller's, although it first counted as far away."""
        self._voice: int | None = None
        """First sample of the current voice, no matter whose it is."""
        self.probability = 0.0
        """Probability of the last window."""

    @property
    def stirring(self) -> bool:
        """Whether the last window may be the beginning of speech: weak evidence, but better than none."""
        return self.probability >= STIRRING and not self.doubted

    @property
    def voice(self) -> int:
        """Samples since the current voice began, no matter whose it is; 0 if there is none."""
        return 0 if self._voice is None else self._position - self._voice

    @property
    def quiet(self) -> int:
        """Samples judged since the caller's last speech sample; 0 if they are not speaking."""
        return self._position - len(self._waiting) // 2 - self._last if self.speaking else 0

    def feed(self, position: int, pcm: bytes) -> list[SpeechStarted | SpeechEnded]:
        """Takes 8 kHz audio of any even length that begins at `position`; a gap before it counts as silence.

        Raises `ValueError` if `position` lies before audio that was already fed.
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
            if self._voice is None and not self.speaking:
                self._gain = _gain(self.level_db)  # not within a voice, which the model recognizes by its rise
            before, self.probability = self.probability, self._silero.probability(window, self._gain)
            if event := self._judge(begin, before):
                events.append(event)
        return events

    def _judge(self, begin: int, before: float) -> SpeechStarted | SpeechEnded | None:
        """Returns the change, if any, in the window beginning at `begin`; `before` is the probability of the window
        before it."""
        end, least = begin + WINDOW, self._settings.release
        if self.awaited and not self.speaking:
            least = min(BEGINNING, least)
        if self.probability < least:
            self._voice = None
        elif self._voice is None:
            self._voice = begin
        if self._voice is not None and not self.far:
            if self.onset is None:
                self.onset = self._voice if self.close else max(self._voice, begin - self._min_speech)
            self._last = end
        elif not self.speaking:
            self.onset = None
        if self.speaking:
            if end - self._last >= self.wait:
                self.speaking = False
                self.onset = None
                # The model gets used to a voice: with the state that it has after a caller's first turns it misses one
                # later turn in six, and detects the others 80 ms late; with a fresh state it misses 1 in 84.
                self._silero = Silero()
                return SpeechEnded(last=self._last, position=self._position)
            return None
        flinches = self.probability < before - FLINCH
        if self.onset is None or end - self.onset < self._min_speech or flinches or self.doubted:
            return None
        sustained = self.awaited and self._voice is not None and end - self._voice >= SUSTAINED
        if self.probability < self._settings.threshold and not sustained:
            return None
        self.speaking = True
        return SpeechStarted(onset=self.onset, position=self._position)


def _gain(level_db: float | None) -> float:
    """The gain that brings a caller of this level to one at which the model notices voices soonest."""
    if level_db is None:
        return 1.0
    gain_db = min(max(level_db, SOFTEST_DB), LOUDEST_DB) - level_db
    return float(10 ** (min(max(gain_db, -MOST_DB), MOST_DB) / 20))
