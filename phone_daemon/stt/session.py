"""Streaming recognition of one utterance, whichever host serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from phone_daemon.events import Transcript
from sidecars.host.host import Channel, Host, Message


class EarsLost(Exception):
    """This utterance cannot be recognised any further: its engine died or gave it up. Says why."""


class Recognizer:
    """Opens utterances on a host, all with the same session options but for what is expected."""

    def __init__(self, host: Host, options: Mapping[str, object] | None = None, call: str = "") -> None:
        """`call`: which one they belong to, for a host that has a process for each."""
        self._host = host
        self._call = call
        self._options = dict(options or {})

    def open(self, expected: str = "") -> SttSession:
        """A new utterance, at once: open it before it is needed, and feed it the pre-roll.

        `expected`: the set of phrases that it most likely comes from, a hint that an engine may ignore.
        """
        channel = self._host.open(self._call)
        channel.send({"type": "Open", "options": self._options | ({"expected": expected} if expected else {})})
        return SttSession(channel)


class SttSession:
    """One utterance: `feed` audio, then `finalize` or `cancel`; no task, and nothing to clean up after either.

    One that is neither finalized nor cancelled must be closed, or the engine holds it for ever.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.sample_rate = channel.sample_rate
        """Samples a second that `feed` wants."""
        self.faults: list[str] = []
        """What went wrong on the way and was survived, each in one line."""
        self._ending = False
        """Finalized, cancelled or closed: nothing more is fed."""
        self._cancelled = False
        self._partial: Transcript | None = None
        """The newest that nobody has seen; an older one is worth nothing beside it."""
        self._final: Transcript | None = None
        self._held: Mapping[str, int] = {}
        self._lost = ""
        self._news = asyncio.Event()
        """Something changed that `transcripts` may tell."""
        self._answered = asyncio.Event()
        """There is a final, or there will never be one."""
        self._freed = asyncio.Event()
        """The engine has freed the utterance, or is gone."""
        channel.listen(self._take, self._lose)

    @property
    def lost(self) -> bool:
        """Whether its engine died or gave it up."""
        return bool(self._lost)

    def feed(self, pcm: bytes) -> None:
        """Hands over audio at the engine's rate. Ignored once the utterance is finalized, cancelled or closed."""
        if not self._ending:
            self._channel.send({"type": "Audio"}, pcm)

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """Partials as they come, the newest when several wait, and the final last. For one reader.

        Ends early when the utterance is cancelled or closed. Raises `EarsLost`.
        """
        while not self._cancelled:
            if self._final is not None:
                yield self._final
                return
            if self._lost:
                raise EarsLost(self._lost)
            if self._partial is not None:
                partial, self._partial = self._partial, None
                yield partial
            else:
                self._news.clear()
                await self._news.wait()

    async def finalize(self) -> Transcript:
        """The last word on what was fed. Raises `EarsLost`, also when the utterance is cancelled meanwhile."""
        if not self._ending:
            self._ending = True
            self._channel.send({"type": "Finalize"})
        await self._answered.wait()
        if self._final is None or self._cancelled:
            raise EarsLost(self._lost or "the utterance was cancelled")
        return self._final

    async def cancel(self) -> None:
        """Ends the utterance here: nothing of it is told from now on. Idempotent."""
        if not self._cancelled:
            self._cancelled = self._ending = True
            self._channel.send({"type": "Cancel"})
            self._answered.set()
            self._news.set()

    async def released(self) -> Mapping[str, int]:
        """Waits until the engine says that it has freed the utterance; returns what its stores hold now, by store.

        Other utterances count. Raises `EarsLost` when the engine died instead.
        """
        await self._freed.wait()
        if self._lost:
            raise EarsLost(self._lost)
        return self._held

    def close(self) -> None:
        """Lets go of the utterance without waiting for anything. Idempotent."""
        self._channel.close()
        self._cancelled = self._ending = True
        if not self._freed.is_set():
            self._lose("the utterance was closed")

    def _take(self, message: Message, _: bytes) -> None:
        if message["type"] == "Partial":
            self._partial = Transcript(message["text"], False, message["confidence"])
            self._news.set()
            return
        if message["type"] == "Fault":
            self.faults.append(message["error"])
            return
        if message["type"] == "Final":
            self._final = Transcript(message["text"], True, message["confidence"])
        elif message["type"] == "Failed":
            self._lost = message["error"]
        self._held = message["held"]
        self._over()

    def _lose(self, reason: str) -> None:
        self._lost = reason
        self._over()

    def _over(self) -> None:
        self._channel.close()
        self._answered.set()
        self._freed.set()
        self._news.set()
