"""One utterance of the caller on its way through recognition; a dead engine costs time, not words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from phone_daemon.events import SAMPLE_RATE, Transcript
from sidecars.host.host import Channel, Host, Message
from sidecars.resample import Resampler


class SttLost(Exception):
    """This utterance cannot be recognized any further: its engine died or gave it up. Says why."""


class Utterance:
    """`feed` it audio, then `finalize` or `cancel` it. One that is neither must be closed, or the engine holds it
    for ever. It opens its session at once: make it before it is needed, and feed it the pre-roll.

    The audio is kept until the utterance is over (15 s of it are 240 kB at 8 kHz), so that an utterance whose engine
    died is heard again from its start by the next engine; once, lest an utterance that kills engines kills them all.
    """

    def __init__(
        self,
        host: Host,
        options: Mapping[str, object] | None = None,
        *,
        call: str = "",
        expected: str = "",
        rate: int = SAMPLE_RATE,
    ) -> None:
        """`options`: the engine's session options. `call`: whose utterance it is, for a host that has a process for
        each. `expected`: the set of phrases that it most likely comes from, a hint that an engine may ignore.
        `rate`: samples a second of what it is fed."""
        self._host = host
        self._rate = rate
        self._call = call
        self._options = {**(options or {}), **({"expected": expected} if expected else {})}
        self.faults: list[str] = []
        """What went wrong on the way and was survived, each in one line."""
        self._audio = bytearray()
        self._on_partial: Callable[[Transcript], None] | None = None
        self._partial: Transcript | None = None
        """The newest that nobody was told."""
        self._final: Transcript | None = None
        self._held: Mapping[str, int] = {}
        self._complete = False
        """Finalized: nothing more is fed."""
        self._over = False
        """Cancelled or closed: nobody waits for it any more."""
        self._revived = False
        self._reviving: asyncio.Handle | None = None
        self._lost = ""
        """Why its engine does not hear it any more; empty while it does."""
        self._answered = asyncio.Event()
        """There is a final, or there will never be one."""
        self._freed = asyncio.Event()
        """The engine has freed the utterance, or is gone."""
        self._channel: Channel
        self._open()

    def _open(self) -> None:
        self._lost = ""
        channel = self._channel = self._host.open(self._call)
        self._to_engine = Resampler(self._rate, channel.sample_rate)
        channel.send({"type": "Open", "options": self._options})
        channel.listen(partial(self._take, channel), partial(self._lose, channel))

    def feed(self, pcm: bytes) -> None:
        """Hears more audio. Never blocks. Ignored once the utterance is finalized, cancelled or closed."""
        if self._complete or self._over:
            return
        if self._lost and not self._audio:
            self._open()  # An engine that died before it heard anything did not die of this.
        self._audio += pcm
        self._send(self._to_engine.feed(pcm))
        if self._lost:
            self._try_again()

    def _send(self, pcm: bytes) -> None:
        if not self._lost:
            self._channel.send({"type": "Audio"}, pcm)

    def on_partial(self, tell: Callable[[Transcript], None] | None) -> None:
        """Has `tell` called with what is understood so far, whenever it changes; at once if something is already."""
        self._on_partial = tell
        if tell is not None and self._partial is not None:
            newest, self._partial = self._partial, None
            tell(newest)

    async def finalize(self) -> Transcript:
        """What was said, for good. Raises `SttLost` when a second engine died on it too, or it was cancelled."""
        if not self._complete and not self._over:
            self._complete = True
            self._finish()
            if self._lost:
                self._try_again()
        await self._answered.wait()
        if self._final is None or self._over:
            raise SttLost(self._lost or "the utterance was cancelled")
        return self._final

    def _finish(self) -> None:
        self._send(self._to_engine.flush())
        if not self._lost:
            self._channel.send({"type": "Finalize"})

    async def cancel(self) -> None:
        """Ends the utterance here: nothing of it is told from now on. Idempotent."""
        if not self._over:
            self._over = True
            self._on_partial = None
            self._channel.send({"type": "Cancel"})
            self._answered.set()
            if self._lost:
                self._freed.set()

    async def released(self) -> Mapping[str, int]:
        """After `cancel` or `finalize`: waits until the engine says that it has freed the utterance; returns what its
        stores hold now, by store. Other utterances count. Raises `SttLost` when the engine died instead.
        """
        await self._freed.wait()
        if self._lost:
            raise SttLost(self._lost)
        return self._held

    def close(self) -> None:
        """Lets go of the utterance without waiting for anything. Idempotent."""
        self._channel.close()
        self._over = True
        self._on_partial = None
        if not self._freed.is_set():
            self._lost = self._lost or "the utterance was closed"
            self._settle()

    def _take(self, channel: Channel, message: Message, _: bytes) -> None:
        if channel is not self._channel:
            return
        match message["type"]:
            case "Partial":
                heard = Transcript(message["text"], False, message["confidence"])
                if self._on_partial is not None:
                    self._on_partial(heard)
                else:
                    self._partial = heard
            case "Fault":
                self.faults.append(message["error"])
            case "Failed":
                self._held = message["held"]
                self._lose(channel, message["error"])
            case kind:  # Final, Cancelled
                if kind == "Final":
                    others = tuple(message.get("others", ()))
                    self._final = Transcript(message["text"], True, message["confidence"], others)
                self._held = message["held"]
                self._settle()

    def _lose(self, channel: Channel, reason: str) -> None:
        """The engine is gone, or gave the utterance up."""
        if channel is not self._channel or self._freed.is_set() or self._lost:
            return
        self._lost = reason
        if self._audio or self._complete or self._over:
            self._try_again()

    def _try_again(self) -> None:
        if self._reviving is not None:
            return
        if self._revived or self._over:
            self._settle()
        else:
            # Not at once: the host may be telling its other channels that they are lost.
            self._reviving = asyncio.get_running_loop().call_soon(self._revive)

    def _revive(self) -> None:
        """Lets another engine hear everything again."""
        self._reviving, self._revived = None, True
        if self._over:
            self._settle()
            return
        self._channel.close()
        self._open()
        self._send(self._to_engine.feed(bytes(self._audio)))
        if self._complete:
            self._finish()

    def _settle(self) -> None:
        self._channel.close()
        self._answered.set()
        self._freed.set()
