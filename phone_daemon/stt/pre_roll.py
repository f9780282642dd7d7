"""The last seconds of the caller's audio, so that recognition also gets what was said before speech was detected."""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE, samples
from phone_daemon.settings.settings import VadSettings


class PreRoll:
    """Keeps the longest utterance and its pre-roll, so that an utterance whose recognizer died can be heard again."""

    def __init__(self, settings: VadSettings, rate: int = SAMPLE_RATE) -> None:
        """`rate`: the sampling rate of the audio that is fed; positions are at 8 kHz."""
        self._width = 2 * rate // SAMPLE_RATE
        """Bytes that represent one sample at 8 kHz."""
        self._before = samples(settings.pre_roll_s)
        self._most = self._width * (self._before + samples(settings.max_speech_s))
        self._audio = bytearray()
        self._end = 0
        """Position after the last kept sample."""

    def feed(self, position: int, pcm: bytes) -> None:
        """Adds audio that begins at `position`. Audio that does not follow the kept audio replaces it."""
        if position != self._end:
            self._audio.clear()
        self._audio += pcm
        self._end = position + len(pcm) // self._width
        if len(self._audio) > 2 * self._most:  # rarely, because it moves everything
            del self._audio[: -self._most]

    def since(self, onset: int) -> bytes:
        """The audio from `pre_roll_s` before `onset` until now, or as much of it as is kept."""
        count = self._end - (onset - self._before)
        return bytes(self._audio[-min(self._width * count, self._most) :]) if count > 0 else b""
