"""One utterance of the caller on its way through recognition; a dead engine costs time, not words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from phone_daemon.events import Transcript
from phone_daemon.stt.session import EarsLost, Recognizer, SttSession


class Upsampler(Protocol):
    """8 kHz PCM in, PCM at the engine's rate out; state kept between calls."""

    def feed(self, pcm: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class Utterance:
    """A recognition session with its own resampler, and the audio it was fed.

    The audio is kept until the utterance is over (15 s of it are 240 kB), so that an utterance whose engine died is
    heard again from its start by the next engine; once, lest an utterance that kills engines kills them all.
    """

    def __init__(self, recognizer: Recognizer, upsampler: Callable[[int], Upsampler], expected: str = "") -> None:
        """`upsampler` makes a stream from 8 kHz to a rate in Hz; `expected`: as for `Recognizer.open`."""
        self._recognizer = recognizer
        self._expected = expected
        self._upsampler = upsampler
        self._audio = bytearray()
        self._revived = False
        self._complete = False
        self._over = False
        """Cancelled or closed: nobody waits for it any more."""
        self._session: SttSession
        self._open()

    def _open(self) -> None:
        self._session = self._recognizer.open(self._expected)
        self._stream = self._upsampler(self._session.sample_rate)

    @property
    def faults(self) -> list[str]:
        """What went wrong with the session that hears it, and was survived."""
        return self._session.faults

    def feed(self, pcm: bytes) -> None:
        """Hears 8 kHz audio. Never blocks."""
        if self._session.lost and not self._audio and not self._over:
            self._open()  # An engine that died before it heard anything did not die of this.
        self._audio += pcm
        self._session.feed(self._stream.feed(pcm))

    async def partials(self) -> AsyncIterator[Transcript]:
        """What is understood so far, whenever it changes, until the utterance is over."""
        while True:
            session = self._session
            try:
                async for transcript in session.transcripts():
                    if not transcript.final:
                        yield transcript
                return
            except EarsLost:
                if not self._revive(session):
                    return

    async def finalize(self) -> Transcript:
        """What was said, for good. Raises `EarsLost` when a second engine died on it too."""
        self._complete = True
        self._session.feed(self._stream.flush())
        while True:
            session = self._session
            try:
                return await session.finalize()
            except EarsLost:
                if not self._revive(session):
                    raise

    def _revive(self, lost: SttSession) -> bool:
        """Lets another engine hear everything again; False when that was done before."""
        if self._session is not lost:
            return True  # Another waiter has seen to it.
        if self._revived or self._over:
            return False
        self._revived = True
        lost.close()
        self._open()
        self._session.feed(self._stream.feed(bytes(self._audio)))
        if self._complete:
            self._session.feed(self._stream.flush())
        return True

    async def cancel(self) -> None:
        """Returns when nothing of it will be told any more."""
        self._over = True
        await self._session.cancel()

    async def released(self) -> None:
        """After `cancel`: returns when the engine has confirmed that the utterance's state is freed."""
        await self._session.released()

    def close(self) -> None:
        """Lets go without waiting. Idempotent."""
        self._over = True
        self._session.close()
