"""The voice's end of a synthesis channel: it takes phrases, gives 8 kHz speech, and confirms every stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from phone_daemon.events import SAMPLE_RATE, WIDE_RATE, Speech, WordMark, samples
from phone_daemon.media.half_band import Halver
from phone_daemon.text.speakable import is_english, speakable
from phone_daemon.text.spoken import Spoken
from phone_daemon.tts.kept_speech import KeptSpeech
from phone_daemon.tts.pace import Pace
from phone_daemon.tts.phrases import pause_s
from sidecars.host.host import Channel, Host, HostLost, Message
from sidecars.resample import Resampler

PATIENCE_S = 5.0
"""An engine that sends nothing for this long while it has text to speak is given up."""


class TtsLost(Exception):
    """A phrase was not spoken to its end, because the engine died, refused it, or fell silent. The next phrase may
    succeed."""


class Voice:
    """One call's voice. Phrases are spoken one after the other; synthesis runs ahead of the code that takes the
    speech."""

    def __init__(
        self,
        host: Host,
        options: Mapping[str, Any],
        call: str = "",
        kept: KeptSpeech | None = None,
        *,
        fixed: Iterable[str] = (),
        wide: bool = False,
    ) -> None:
        """`options` go to the engine (`voice`, `rate`, `language`, `pronounce`); `call`: for a host with a process for
        each call; `fixed`: texts whose phrases are said in many calls, so each is synthesized once and then taken from
        `kept`; `wide`: the speech is also wanted at 16 kHz, if the engine makes it at that rate."""
        self._kept = KeptSpeech() if kept is None else kept
        self._fixed = "\n".join(map(str.casefold, fixed))
        self._name = repr((sorted(options.items()), wide))
        self._wide = wide
        self._host = host
        self._call = call
        self._options = dict(options)
        self.pace = Pace(float(options.get("rate") or 1.0))
        self._english = is_english(str(options.get("language") or options.get("voice") or ""))
        self._channel: Channel | None = None
        self._speaking: object | None = None
        """The utterance whose chunks are expected; None if the engine is idle, or has been told to stop."""
        self._stops = 0
        """Cancels that the engine has not confirmed yet; anything it sends before that is stale."""
        self._reading = asyncio.Lock()
        self.recited = False
        """Whether the last phrase had been spoken before, in another call, so that it says nothing about the engine's
        speed."""
        self.fault = ""
        """The fault that the host survived in the last phrase, and the reason why another voice speaks. Empty if all is
        well."""

    def spoken(self, phrase: str) -> Spoken:
        """How the voice says `phrase`."""
        return speakable(phrase, english=self._english)

    async def speak(self, phrase: str, before: str = "") -> AsyncGenerator[Speech, None]:
        """The speech of `phrase`, with marks into `phrase`, followed by the pause that belongs there. `before` is the
        part of the same sentence that was spoken before, whose melody continues.

        Ends early if `cancel` is called meanwhile. Leaving the iteration early stops the engine too. Raises `TtsLost`.
        """
        self._stop()
        spoken = self.spoken(phrase)
        if not spoken.words:
            return
        if self.fault and not self._stops:
            self._forget()  # the requested voice may be back
        self.fault = ""
        if self._channel is None:
            self._channel = self._host.open(self._call)
        key = self._name, phrase, before
        keep = self._is_fixed(before) and self._is_fixed(phrase)
        known = self._kept.get(key) if keep else ()
        self.recited = bool(known)
        if known:
            for speech in known:
                yield speech
            return
        made: list[Speech] = []
        me = self._speaking = object()
        said = {"text": spoken.text, "before": self.spoken(before).text if before else ""}
        self._channel.send({"type": "Speak", **said, "options": self._options})
        narrowing = _Narrowing(self._channel.sample_rate, spoken, wide=self._wide)
        try:
            while (received := await self._next(me)) is not None:
                message, pcm = received
                if message["type"] == "Failed":
                    self._speaking = None
                    raise TtsLost(str(message.get("error", "the engine gave no reason")))
                if message["type"] == "Done":
                    self._speaking = None
                    made.append(narrowing.end(pause_s(phrase)))
                    if keep and not self.fault:
                        self._kept.put(key, made)
                    yield made[-1]
                elif (speech := narrowing.feed(pcm, message.get("marks", ()))).pcm:
                    made.append(speech)
                    yield speech
        except HostLost as error:
            self._forget()
            raise TtsLost(str(error)) from error
        except TimeoutError:
            self._forget()
            raise TtsLost(f"no speech within {PATIENCE_S:g} s") from None
        finally:
            if self._speaking is me:
                self._stop()

    def _is_fixed(self, phrase: str) -> bool:
        """Whether the phrase contains no value from a call, such as a name, which must not appear in another call."""
        return phrase.strip().rstrip(".").casefold() in self._fixed

    async def cancel(self) -> None:
        """Stops the speech; returns once the engine has confirmed that it has stopped, or is dead."""
        self._stop()
        await self.stopped()

    async def stopped(self) -> None:
        """Returns once the engine has confirmed every stop, or is dead."""
        try:
            async with self._reading:
                while self._stops:
                    await self._receive()
        except (HostLost, TimeoutError):
            self._forget()

    def close(self) -> None:
        """Releases the engine. Idempotent."""
        self._forget()

    def _stop(self) -> None:
        if self._speaking is not None and self._channel is not None:
            self._channel.send({"type": "Cancel"})
            self._stops += 1
        self._speaking = None

    def _forget(self) -> None:
        """Makes the next phrase use a new channel."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None
        self._speaking = None
        self._stops = 0

    async def _next(self, me: object) -> tuple[Message, bytes] | None:
        """The next message for `me`; None if it is over."""
        async with self._reading:
            while self._speaking is me:
                received = await self._receive()
                if received is not None and self._speaking is me:
                    return received
        return None

    async def _receive(self) -> tuple[Message, bytes] | None:
        """One message from the engine; None for a message that belongs to a cancelled phrase. There is one reader at a
        time."""
        if self._channel is None:
            raise HostLost("the voice was closed")
        async with asyncio.timeout(PATIENCE_S):
            message, pcm = await self._channel.receive()
        if message["type"] == "Fault":
            self.fault = str(message["error"])
            return None
        if not self._stops:
            return message, pcm
        if message["type"] == "Cancelled":
            self._stops -= 1
        return None


class _Narrowing:
    """Converts one phrase's audio to 8 kHz. Marks wait until the sample to which they point has been output."""

    def __init__(self, rate: int, spoken: Spoken, *, wide: bool) -> None:
        """`wide`: converts by way of 16 kHz, and keeps that; ignored if `rate` is lower."""
        self._rate = rate
        self._halver = Halver() if wide and rate >= WIDE_RATE else None
        self._half = b""
        """The sample at 16 kHz that makes one at 8 kHz with the next."""
        self._stream = Resampler(rate, SAMPLE_RATE if self._halver is None else WIDE_RATE)
        self._spoken = spoken
        self._word = -1
        """Where the last marked word begins."""
        self._out = 0
        self._marks: list[WordMark] = []

    def feed(self, pcm: bytes, marks: list[list[int]]) -> Speech:
        for sample, start, _ in marks:
            word = self._spoken.word_at(start)
            if word is not None and word.start > self._word:
                self._word = word.start
                self._marks.append(WordMark(sample * SAMPLE_RATE // self._rate, word.start, word.end))
        return self._speech(self._stream.feed(pcm))

    def end(self, pause: float) -> Speech:
        by = 1 if self._halver is None else 2
        speech = self._speech(self._stream.flush() + bytes(2 * by * samples(pause)))
        return Speech(speech.pcm, (*speech.marks, *self._marks), speech.wide)

    def _speech(self, made: bytes) -> Speech:
        pcm, wide = made, b""
        if self._halver is not None:
            made = self._half + made
            whole = len(made) & ~3
            self._half = made[whole:]
            pcm, wide = self._halver.feed(made[:whole])
        self._out += len(pcm) // 2
        ready = [mark for mark in self._marks if mark.sample < self._out]
        self._marks = self._marks[len(ready) :]
        return Speech(pcm, tuple(ready), wide)
