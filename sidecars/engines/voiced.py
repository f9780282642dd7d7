"""Finds the voice in an utterance with Silero, because not every host cuts an engine's audio."""

from __future__ import annotations

import numpy as np

from sidecars.silero import Silero

RATE = 16000
TELEPHONE = 8000
"""The rate at which Silero judges, in Hz. Calls have nothing above 4 kHz, which Silero takes for a sign that nobody
speaks if it judges at `RATE`; at this rate it is surer of words in noise. Of 133 sounds without speech (noise, music,
tones), it finds 0.09 s of speech in 9, instead of 17 at `RATE`."""
WINDOW = 512
"""Samples in a window: 32 ms."""
VOICE, PERHAPS, WEAKEST = 0.5, 0.3, 0.1
"""The least probabilities at which a window is speech, may be part of speech, and may belong to the answer to a
question."""


class Voiced:
    """The speech probabilities of one utterance, window by window. Audio is 16-bit PCM at 16 kHz."""

    __slots__ = ("_least", "_rest", "_silero", "dropped", "windows")

    def __init__(self, least: float = PERHAPS) -> None:
        """`least`: the probability from which a window may belong to the voice."""
        self._silero = Silero()
        self._least = least
        self._rest = bytearray()
        self.windows: list[float] = []
        self.dropped = 0
        """The number of windows that were removed from the list."""

    def feed(self, pcm: bytes) -> None:
        """Takes the next samples, any number of them."""
        self._rest += pcm
        while len(self._rest) >= 2 * WINDOW:
            self.windows.append(self._silero.probability(_halved(bytes(self._rest[: 2 * WINDOW]))))
            del self._rest[: 2 * WINDOW]

    @property
    def first(self) -> int | None:
        """The first sample of the first window that may be speech; None if there is none."""
        for at, probability in enumerate(self.windows):
            if probability >= self._least:
                return at * WINDOW
        return None

    @property
    def last(self) -> int:
        """The sample at which the last such window ends; 0 if there is none."""
        for at in range(len(self.windows), 0, -1):
            if self.windows[at - 1] >= self._least:
                return at * WINDOW
        return 0

    @property
    def quiet(self) -> int:
        """The number of samples after `last`."""
        return len(self.windows) * WINDOW - self.last

    def drop(self, samples: int) -> None:
        """Removes the windows of the first `samples`, a multiple of `WINDOW`."""
        del self.windows[: samples // WINDOW]
        self.dropped += samples // WINDOW

    def quietest(self, start: int, end: int) -> int:
        """The sample between `start` and `end` with the least voice around it: the middle of the three consecutive
        windows that are least likely to be speech."""
        low, high = start // WINDOW + 1, end // WINDOW - 1
        around = [(sum(self.windows[at - 1 : at + 2]), -at) for at in range(max(low, 1), high)]
        return -min(around)[1] * WINDOW if around else end // WINDOW * WINDOW

    @property
    def speech_s(self) -> float:
        """The seconds of speech."""
        return self._seconds(VOICE)

    @property
    def perhaps_s(self) -> float:
        """The seconds that may be speech."""
        return self._seconds(PERHAPS)

    def _seconds(self, least: float) -> float:
        return sum(each >= least for each in self.windows) * WINDOW / RATE


def _halved(pcm: bytes) -> bytes:
    """Converts audio to `TELEPHONE` by averaging pairs of samples. The aliasing from above 4 kHz does not affect
    Silero."""
    pairs = np.frombuffer(pcm, "<i2").astype(np.int32)
    return bytes(((pairs[::2] + pairs[1::2]) >> 1).astype("<i2").tobytes())
