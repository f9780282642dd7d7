"""The common part of all hosts whose voice is served by somebody else over a socket, whatever the protocol.

A `Source` turns one text into audio in its server's dialect; this host makes channels of it. A failure of the server
ends only the channel on which it happened. Repeated failures are handled by `FallbackHost`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost, Message, options_of
from sidecars.log import Event
from sidecars.resample import Resampler
from sidecars.tasks import Tasks

START_S = 10.0
"""A server that has not spoken its first text by then is considered down."""
PROBE = "Yes."
"""A text that is spoken at the start, without a listener: it reveals the rate, and whether key, model, and voice are
right."""
MAX_WAITING = 64
"""The most texts of one channel that wait."""

log = logging.getLogger(__name__)


class Unspoken(Exception):
    """The server cannot be reached, does not let us in, refuses a text, or stopped in the middle of it.

    The message is one line without secrets. Whatever the cause, the caller should hear the text from another voice.
    """


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of speech: whole samples of 16-bit signed little-endian mono PCM at `rate` Hz."""

    pcm: bytes
    rate: int


class Source(Protocol):
    """One server, addressed in its own dialect."""

    name: str
    """The kind and address of the server, for messages."""

    def speak(self, text: str, options: Mapping[str, Any]) -> AsyncGenerator[Sound, None]:
        """Yields the speech of `text` as it arrives. Closing the generator tells the server to stop. Raises
        `Unspoken`.
        """
        ...

    async def voices(self) -> Sequence[str]:
        """The names of its voices, the default first; empty if it does not list them. Raises `Unspoken`."""
        ...

    async def close(self) -> None: ...


class RemoteHost:
    """A `Host` whose engine runs elsewhere. Its rate is that of the server's first speech; other rates are converted to
    it.
    """

    sample_rate = 0
    voices: Sequence[str] = ()

    def __init__(self, source: Source, *, start_timeout_s: float = START_S) -> None:
        self.name = source.name
        self._source = source
        self._start_timeout_s = start_timeout_s
        self._numbers = itertools.count(1)
        self._conversations: dict[int, _Conversation] = {}
        self._tasks = Tasks()

    @property
    def problem(self) -> str:
        return "" if self.sample_rate else "it was not reached yet"

    async def start(self) -> None:
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self.voices = tuple(await self._source.voices())
                async with aclosing(self._source.speak(PROBE, {})) as sounds:
                    async for sound in sounds:
                        self.sample_rate = sound.rate
                        return
        except Unspoken as error:
            raise HostLost(f"{self.name}: {error}") from error
        except TimeoutError:
            raise HostLost(f"{self.name}: no speech within {self._start_timeout_s:g} s") from None
        except Exception as error:
            log.debug(Event("server.probe_failed", server=self.name), exc_info=True)
            raise HostLost(f"{self.name}: {type(error).__name__}: {error}") from error
        raise HostLost(f"{self.name}: it answers without audio")

    def open(self, call: str = "") -> QueueChannel:
        channel = QueueChannel(next(self._numbers), self._deliver, self.sample_rate)
        if self.sample_rate:
            self._conversations[channel.number] = _Conversation(self, channel)
        else:
            channel.lose(f"{self.name} was not started")
        return channel

    async def close(self) -> None:
        for conversation in list(self._conversations.values()):
            conversation.lose(f"{self.name} was shut down")
        await self._tasks.end()
        self.sample_rate = 0
        await self._source.close()

    async def sounds(self, text: str, options: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """Yields the speech of `text` at this host's rate. Raises `Unspoken`."""
        stream: tuple[int, Resampler] | None = None
        async with aclosing(self._source.speak(text, options)) as sounds:
            async for sound in sounds:
                if stream is None or stream[0] != sound.rate:
                    stream = sound.rate, Resampler(sound.rate, self.sample_rate)
                yield stream[1].feed(sound.pcm)
        if stream is not None:
            yield stream[1].flush()

    def _deliver(self, number: int, message: Message, _: bytes) -> None:
        if conversation := self._conversations.get(number):
            conversation.take(message)

    def ended(self, number: int) -> None:
        """Forgets a channel that nobody reads anymore."""
        self._conversations.pop(number, None)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts a task that ends with this host at the latest."""
        return self._tasks.start(work, name=self.name)


class _Conversation:
    """The texts of one channel, spoken one after the other, each in its own task."""

    def __init__(self, host: RemoteHost, channel: QueueChannel) -> None:
        self._host = host
        self._channel = channel
        self._waiting: deque[Message] = deque()
        self._speaking: asyncio.Task[None] | None = None

    def take(self, message: Message) -> None:
        """Handles a message from the client."""
        kind = message.get("type")
        if kind == "Close":
            self._end()
            return
        if kind == "Cancel":
            self._waiting = deque(each for each in self._waiting if each["type"] == "Cancel")
            if self._speaking is not None and not self._speaking.cancelling():
                self._speaking.cancel()
        elif kind != "Speak" or not isinstance(message.get("text"), str):
            self._say("Failed", error=f"{kind!r:.80}: no such message, or one without a text")
            return
        elif len(self._waiting) >= MAX_WAITING:
            self._say("Failed", error=f"Speak: {MAX_WAITING} texts are already waiting")
            return
        self._waiting.append(message)
        self._go_on()

    def lose(self, reason: str) -> None:
        """Ends the channel because the server is gone."""
        self._end()
        self._channel.lose(reason)

    def _end(self) -> None:
        self._waiting.clear()
        if self._speaking is not None:
            self._speaking.cancel()
        self._host.ended(self._channel.number)

    def _go_on(self) -> None:
        """Begins the next waiting text if none is being spoken."""
        while self._waiting and self._speaking is None:
            message = self._waiting.popleft()
            if message["type"] == "Cancel":
                self._say("Cancelled")
            else:
                self._speaking = self._host.spawn(self._speak(message))
                self._speaking.add_done_callback(self._over)

    def _over(self, _: asyncio.Task[None]) -> None:
        self._speaking = None
        self._go_on()

    def _say(self, kind: str, payload: bytes = b"", **fields: Any) -> None:
        self._channel.put({"type": kind, **fields}, payload)

    async def _speak(self, message: Message) -> None:
        name = self._host.name
        try:
            async with aclosing(self._host.sounds(message["text"], options_of(message))) as sounds:
                async for pcm in sounds:
                    self._say("Chunk", pcm, marks=[])
            self._say("Done")
        except ValueError as error:
            self._say("Failed", error=f"{name}: {error}")
        except Unspoken as error:
            self.lose(f"{name}: {error}")
        except Exception as error:
            log.exception(Event("server.failed", server=name))
            self.lose(f"{name}: {type(error).__name__}: {error}")
