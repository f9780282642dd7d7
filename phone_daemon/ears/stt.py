"""Streaming recognition of one utterance, whichever host serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from phone_daemon.events import Transcript
from sidecars.hosts.host import Channel, Host, HostLost, Message


class EarsLost(Exception):
    """This utterance cannot be recognised any further: its engine died or gave it up. Says why."""


class Recognizer:
    """Opens utterances on a host, all with the same session options."""

    def __init__(self, host: Host, options: Mapping[str, object] | None = None) -> None:
        self._host = host
        self._options = dict(options or {})

    @property
    def sample_rate(self) -> int:
        """Samples a second that `SttSession.feed` wants; known once the host has started."""
        return self._host.sample_rate

    def open(self) -> SttSession:
        """A new utterance, at once: open it before it is needed, and feed it the pre-roll."""
        channel = self._host.open()
        channel.send({"type": "Open", "options": self._options})
        return SttSession(channel)


class SttSession:
    """One utterance: `feed` audio, then `finalize` or `cancel`; `close` in a `finally`, whatever happened.

    Starts no task: whoever waits for something reads what has arrived for everybody.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._reading = asyncio.Lock()
        self._partial: Transcript | None = None
        """The newest one that nobody has seen; an older one is worth nothing beside it."""
        self._final: Transcript | None = None
        self._held: Mapping[str, int] | None = None
        self._lost = ""
        self._finalizing = False
        self._cancelled = False

    def feed(self, pcm: bytes) -> None:
        """Hands over audio at the engine's rate. Ignored once the utterance was finalized, cancelled or lost."""
        if not (self._finalizing or self._cancelled):
            self._channel.send({"type": "Audio"}, pcm)

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """Partials as they come, the newest when several wait, and the final last. Ends early on `cancel`.

        Raises `EarsLost`.
        """
        while True:
            await self._until(lambda: self._partial is not None or self._final is not None)
            if self._cancelled:
                return
            partial, self._partial = self._partial, None
            if self._final is not None:
                yield self._final
                return
            if partial is not None:
                yield partial

    async def finalize(self) -> Transcript:
        """The last word on what was fed. Raises `EarsLost`."""
        if not self._finalizing and not self._cancelled:
            self._finalizing = True
            self._channel.send({"type": "Finalize"})
        await self._until(lambda: self._final is not None)
        if self._final is None:
            raise EarsLost("the utterance was cancelled")
        return self._final

    async def cancel(self) -> None:
        """Ends the utterance here: nothing of it is delivered from now on. Idempotent."""
        if not self._cancelled:
            self._cancelled = True
            self._channel.send({"type": "Cancel"})

    async def released(self) -> Mapping[str, int]:
        """After `cancel`: returns when the engine says that it has freed the utterance, with what it holds now.

        By store; other utterances count. Raises `EarsLost` when the engine died instead.
        """
        assert self._cancelled, "only a cancelled utterance is released"
        await self._until(lambda: self._held is not None)
        assert self._held is not None
        return self._held

    def close(self) -> None:
        """Lets go of the utterance without waiting for anything. Idempotent."""
        self._channel.close()

    async def _until(self, true: Callable[[], bool]) -> None:
        """Reads until `true()`, or until nothing more can come. Raises `EarsLost`."""
        while not (true() or self._held is not None):
            async with self._reading:
                if true() or self._held is not None:
                    return
                if self._lost:
                    raise EarsLost(self._lost)
                try:
                    message, _ = await self._channel.receive()
                except HostLost as error:
                    self._lost = str(error)
                else:
                    self._take(message)

    def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "Cancelled":
            self._held = message["held"]
        elif kind == "Failed":
            self._lost = message["error"]
        elif not self._cancelled:
            transcript = Transcript(message["text"], kind == "Final", message["confidence"])
            if transcript.final:
                self._final = transcript
            else:
                self._partial = transcript
        if kind == "Cancelled" or (kind in ("Final", "Failed") and not self._cancelled):
            self._channel.close()
