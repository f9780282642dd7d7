"""One utterance of the caller on its way through recognition; a dead engine costs time, not words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from phone_daemon.ears.stt import EarsLost, Recognizer, SttSession
from phone_daemon.events import Transcript


class Upsampler(Protocol):
    """8 kHz PCM in, PCM at the engine's rate out; state kept between calls."""

    def feed(self, pcm: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class Utterance:
    """A recognition session with its own resampler, and the audio it was fed.

    The audio is kept until the utterance is over (15 s of it are 240 kB), so that a session whose engine died is
    made again from the start on the next engine.
    """

    def __init__(
        self, recognizer: Recognizer, upsampler: Callable[[], Upsampler], on_partial: Callable[[Transcript], None]
    ) -> None:
        self._recognizer = recognizer
        self._upsampler = upsampler
        self._on_partial = on_partial
        self._audio = bytearray()
        self._session, self._stream = self._open()

    def _open(self) -> tuple[SttSession, Upsampler]:
        return self._recognizer.open(self._on_partial), self._upsampler()

    @property
    def fed(self) -> bool:
        return bool(self._audio)

    def feed(self, pcm: bytes) -> None:
        """Hears 8 kHz audio. Never blocks; a dead engine is noticed by `finalize`."""
        self._audio += pcm
        self._session.feed(self._stream.feed(pcm))

    async def finalize(self) -> Transcript:
        """What was said, for good. Raises `EarsLost` when a second engine died on it too."""
        try:
            return await self._finish()
        except EarsLost:
            self._session, self._stream = self._open()
            self._session.feed(self._stream.feed(bytes(self._audio)))
            return await self._finish()

    async def _finish(self) -> Transcript:
        self._session.feed(self._stream.flush())
        return await self._session.finalize()

    async def cancel(self) -> None:
        """Returns when nothing of it will be told any more."""
        await self._session.cancel()

    async def released(self) -> Mapping[str, int]:
        """Returns when the engine has confirmed that the utterance's state is freed: what its stores still hold."""
        return await self._session.released()
