"""The last seconds of the caller's audio, so that recognition also gets what was said before speech was detected."""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE, samples
from phone_daemon.settings.settings import VadSettings

QUIET_S = 0.8
"""The pre-roll of an answer to a question, while the agent is silent. In noise the VAD notices some answers only in
their second word. The engine leaves out what is silent."""


class PreRoll:
    """Keeps the longest utterance and its pre-roll, so that an utterance whose recognizer died can be heard again."""

    def __init__(self, settings: VadSettings, rate: int = SAMPLE_RATE) -> None:
        """`rate`: the sampling rate of the audio that is fed; positions are at 8 kHz."""
        self._width = 2 * rate // SAMPLE_RATE
        """Bytes that represent one sample at 8 kHz."""
        self._before = samples(settings.pre_roll_s)
        self._quiet = max(self._before, samples(QUIET_S))
        self._most = self._width * (self._quiet + samples(settings.max_speech_s))
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

    def since(self, onset: int, quiet: int | None = None, heard: int = 0) -> bytes:
        """The audio from `pre_roll_s` before `onset` until now, or as much of it as is kept.

        `quiet`: where the agent fell silent; if that was earlier, up to `QUIET_S` before `onset` are included. `heard`:
        where the speech before this one ended; it is not given again, or its end would be taken for a first word.
        """
        begin = onset - self._before
        if quiet is not None:
            begin = min(begin, max(onset - self._quiet, quiet))
        if heard <= onset:
            begin = max(begin, heard)
        count = self._end - begin
        return bytes(self._audio[-min(self._width * count, self._most) :]) if count > 0 else b""
