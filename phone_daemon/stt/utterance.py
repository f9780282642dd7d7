"""One utterance of the caller on its way through recognition. A dead engine costs time, not words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from phone_daemon.events import SAMPLE_RATE, Transcript
from sidecars.host.host import Channel, Host, Message
from sidecars.resample import Resampler


class SttLost(Exception):
    """This utterance cannot be recognized any further, because its engine died or gave it up. The message says why."""


class Utterance:
    """`feed` it audio, then `finalize` or `cancel` it. If you do neither, close it, or the engine keeps it forever. It
    opens its session at once: create it before it is needed, and feed it the pre-roll.

    The audio is kept until the utterance is over (15 s take 240 kB at 8 kHz), so that if its engine dies, the next
    engine can hear the utterance from its start. That happens only once, lest an utterance that kills engines kill them
    all.
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
        """`options`: the engine's session options. `call`: the call of the utterance, for a host with a process for
        each call. `expected`: the set of phrases that it most likely comes from, a hint that an engine may ignore.
        `rate`: samples per second of the audio that is fed."""
        self._host = host
        self._rate = rate
        self._call = call
        self._options = {**(options or {}), **({"expected": expected} if expected else {})}
        self.faults: list[str] = []
        """Faults that the utterance has survived, each in one line."""
        self._audio = bytearray()
        self._on_partial: Callable[[Transcript], None] | None = None
        self._partial: Transcript | None = None
        """The newest partial that has not been reported."""
        self._final: Transcript | None = None
        self._held: Mapping[str, int] = {}
        self._complete = False
        """Whether the utterance is finalized: nothing more is fed."""
        self._over = False
        """Whether it is cancelled or closed: nobody waits for it any more."""
        self._revived = False
        self._reviving: asyncio.Handle | None = None
        self._lost = ""
        """Why its engine no longer hears it; empty while it does."""
        self._answered = asyncio.Event()
        """Set once there is a final, or there will never be one."""
        self._freed = asyncio.Event()
        """Set once the engine has freed the utterance, or is gone."""
        self._channel: Channel
        self._open()

    def _open(self) -> None:
        self._lost = ""
        channel = self._channel = self._host.open(self._call)
        self._to_engine = Resampler(self._rate, channel.sample_rate)
        channel.send({"type": "Open", "options": self._options})
        channel.listen(partial(self._take, channel), partial(self._lose, channel))

    def feed(self, pcm: bytes) -> None:
        """Takes more audio. Never blocks. Does nothing once the utterance is finalized, cancelled, or closed."""
        if self._complete or self._over:
            return
        if self._lost and not self._audio:
            self._open()  # an engine that died before it heard anything did not die of this
        self._audio += pcm
        self._send(self._to_engine.feed(pcm))
        if self._lost:
            self._try_again()

    def _send(self, pcm: bytes) -> None:
        if not self._lost:
            self._channel.send({"type": "Audio"}, pcm)

    def on_partial(self, tell: Callable[[Transcript], None] | None) -> None:
        """Calls `tell` with the words recognized so far, whenever they change, and at once if there are any."""
        self._on_partial = tell
        if tell is not None and self._partial is not None:
            newest, self._partial = self._partial, None
            tell(newest)

    async def finalize(self) -> Transcript:
        """Returns the final transcript. Raises `SttLost` if a second engine died on the utterance too, or it was
        cancelled."""
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
        """Ends the utterance here: nothing more of it is reported. Idempotent."""
        if not self._over:
            self._over = True
            self._on_partial = None
            self._channel.send({"type": "Cancel"})
            self._answered.set()
            if self._lost:
                self._freed.set()

    async def released(self) -> Mapping[str, int]:
        """After `cancel` or `finalize`: waits until the engine reports that it has freed the utterance. Returns what
        its stores hold now, by store, including what other utterances hold. Raises `SttLost` if the engine died
        instead."""
        await self._freed.wait()
        if self._lost:
            raise SttLost(self._lost)
        return self._held

    def close(self) -> None:
        """Releases the utterance without waiting for anything. Idempotent."""
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
            # Not at once: the host may still be reporting the loss to its other channels.
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
