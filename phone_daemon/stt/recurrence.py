"""Detects a recording that repeats, such as a queue's announcement on a line that is on hold without signaling it.

Nobody says a sentence twice with the same waveform. So each voice, once it has lasted long enough, is compared with the
earlier voices of the call, whatever the words or language. One repetition is not enough, and short sentences do not
count, because people who speak through a device, and callers that are programs, do repeat a recording.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import FRAME_SAMPLES

SKIPPED = 50
"""Frames of 20 ms after a voice's onset that are not compared: a shorter sentence is never taken for a recording."""
COMPARED = 50
"""The number of frames after those that are compared."""
LAGS = 15
"""How many frames earlier or later the onset of the same voice may be detected."""
KEPT = 12
"""Number of remembered voices, each of 26 kB."""
OFTEN = 2
"""A voice that has been heard this many times before is a recording."""
ALIKE = 0.65
"""Normalized correlation above which two voices sound the same. Measured on 57 voices of the tuning scenes: at least
0.93 for a voice that is repeated half a sample later with noise 25 dB below it; at most 0.42 for the same words 3 %
faster, and 0.38 for other voices."""
_WHOLE = COMPARED + 2 * LAGS
Samples = NDArray[np.float32]


class Recurrence:
    """The recurrence detector of one call."""

    def __init__(self) -> None:
        self.recurs = False
        """Whether the voice that began most recently is a recording that was heard before; this is known two seconds
        after its onset."""
        self._recent: deque[bytes] = deque(maxlen=_WHOLE)
        self._voice: list[bytes] | None = None
        """From `LAGS` frames before the voice's onset to `LAGS` frames after the compared frames."""
        self._heard: deque[Samples] = deque(maxlen=KEPT)

    def hear(self, pcm: bytes) -> None:
        """Takes the caller's next 20 ms."""
        self._recent.append(pcm)
        if self._voice is None:
            return
        self._voice.append(pcm)
        if len(self._voice) == LAGS + SKIPPED + COMPARED:
            self._compare(_samples(self._voice[LAGS + SKIPPED :]))
        if len(self._voice) == SKIPPED + _WHOLE:
            self._heard.append(_samples(self._voice[SKIPPED:]))
            self._voice = None

    def begin(self, frames: int) -> None:
        """A voice began `frames` ago."""
        self.recurs = False
        frames = min(frames, COMPARED - 1)  # A murmur may take longer to become a voice.
        self._voice = list(self._recent)[-(frames + LAGS) :]
        self._voice[:0] = [bytes(2 * FRAME_SAMPLES)] * (frames + LAGS - len(self._voice))

    def _compare(self, voice: Samples) -> None:
        self.recurs = sum(likeness(voice, heard) >= ALIKE for heard in self._heard) >= OFTEN


def likeness(voice: Samples, heard: Samples) -> float:
    """Highest correlation of `voice` with any stretch of `heard`, which is longer; about 0 to 1."""
    size = 1 << (len(heard) + len(voice) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(voice, size)), size)
    lags = len(heard) - len(voice) + 1
    energy = np.cumsum(np.concatenate(([0.0], heard.astype(np.float64) ** 2)))
    own = float(voice @ voice) + 1.0
    # A stretch that is nearly silent resembles nothing.
    stretches = np.maximum(energy[len(voice) :] - energy[:lags], 0.01 * own)
    return float(np.max(product[:lags] / np.sqrt(stretches * own)))


def _samples(frames: list[bytes]) -> Samples:
    """The frames at 4 kHz, which keeps most of a voice's power."""
    return np.asarray(np.frombuffer(b"".join(frames), "<i2").astype(np.float32).reshape(-1, 2).mean(axis=1), np.float32)
