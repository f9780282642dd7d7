"""One utterance on its way through a Wyoming server: the messages to send, and the task that sends and receives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event

from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost, Message, options_of
from sidecars.log import Event as LogEvent
from sidecars.remote.audio_queue import AudioQueue
from sidecars.remote.wyoming_connection import WyomingConnection

RATE = 16000
FORMAT: Mapping[str, int] = {"rate": RATE, "width": 2, "channels": 1}
ANSWER_S = 30.0
"""The longest time from the end of the audio to the transcript; clients that cannot wait that long set a shorter
deadline."""

log = logging.getLogger(__name__)


class WyomingServer(Protocol):
    """The interface that an utterance needs of the host that opened it."""

    name: str
    options: dict[str, Any]

    async def connect(self) -> WyomingConnection: ...

    def began(self, utterance: WyomingUtterance) -> None: ...

    def gone(self, utterance: WyomingUtterance) -> None: ...

    def others(self, utterance: WyomingUtterance) -> int: ...


class WyomingUtterance:
    """An utterance, which usually uses one connection. It continues on another if the server closes a connection before
    any speech, or says that the utterance is over while it goes on; the texts of all connections are joined.
    """

    def __init__(self, host: WyomingServer, number: int) -> None:
        self.channel = QueueChannel(number, self._take, RATE)
        self._host = host
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._audio = AudioQueue(RATE, self._dropping)
        self._sent = 0
        """Bytes of audio sent on this connection."""
        self._news = asyncio.Event()
        self._ending = ""
        """Finalize or Cancel, once one was requested."""
        self.over = False
        """Whether the client has been sent the last message, or told that the utterance is lost."""
        self._free = False
        """Whether it no longer has a connection and will not get another."""
        self._lost = False
        self._said: list[str] = []
        """The texts of earlier connections."""
        self._chunks = ""
        """The text of this connection so far."""

    # ------------------------------------------------------------------------------------------ from the client

    def _take(self, _: int, message: Message, payload: bytes) -> None:
        kind = message.get("type")
        if kind == "Close":
            self.over = True
            self._stop()
        elif kind == "Cancel":
            self._cancel()
        elif self.over:
            pass  # the client knows: it was told, or it asked for this
        elif kind == "Open":
            self._open(message)
        elif self._task is None:
            self._fail(f"{kind}: Open must come first")
        elif kind == "Audio":
            self._add(payload)
        elif kind == "Finalize" and not self._ending:
            self._finalize()

    def _open(self, message: Message) -> None:
        if self._task is not None:
            return self._fail("Open: this utterance is already open")
        try:
            asked = {**self._host.options, **options_of(message)}
        except ValueError as error:
            return self._fail(str(error))
        self._host.began(self)
        begin = Transcribe(name=asked.get("model"), language=asked.get("language"))
        self._task = asyncio.create_task(self._run(begin.event()), name=f"{self._host.name} utterance")
        self._task.add_done_callback(self._closed)
        return None

    def _add(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            self._fail(f"Audio: {len(pcm)} bytes are not whole 16-bit samples")
        elif not self._ending:
            self._audio.put(pcm)
            self._news.set()

    def _finalize(self) -> None:
        self._ending = "Finalize"
        if self._sent or self._audio:
            self._deadline = asyncio.get_running_loop().call_later(ANSWER_S, self._too_late)
            self._news.set()
        else:  # there is nothing to recognize, and a server might not answer
            self._final("")
            self._stop()

    def _cancel(self) -> None:
        self._ending = "Cancel"
        self._audio.clear()
        if self._task is None or self._free:
            self._tell("Cancelled")
        else:
            self._task.cancel()  # the client is told once the connection is closed

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _too_late(self) -> None:
        self.abandon(f"{self._host.name}: no transcript within {ANSWER_S:g} s")

    def abandon(self, reason: str) -> None:
        """Tells the client that the utterance is lost."""
        self._lose(reason)
        self._stop()

    async def ended(self) -> None:
        """Returns when the utterance's connection is closed."""
        if self._task is not None:
            await asyncio.wait([self._task])

    # ------------------------------------------------------------------------------------------ to the client

    def _dropping(self) -> None:
        self.channel.put({"type": "Fault", "error": f"{self._host.name} is slow: audio is dropped"}, b"")

    def _tell(self, kind: str, **fields: Any) -> None:
        """Sends the last message of the utterance."""
        self.over = True
        self.channel.put({"type": kind, **fields, "held": {}, "open": self._host.others(self)}, b"")

    def _fail(self, error: str) -> None:
        self._tell("Failed", error=error)
        self._stop()

    def _text(self, last: str) -> dict[str, Any]:
        text = " ".join(piece for piece in (*self._said, last.strip()) if piece)
        return {"text": text, "confidence": 1.0 if text else 0.0}

    def _final(self, text: str) -> None:
        self._tell("Final", **self._text(text))

    # ------------------------------------------------------------------------------------------ the connection

    async def _run(self, begin: Event) -> None:
        try:
            while not self.over:
                await self._connected(begin)
        except HostLost as error:
            self._lose(str(error))
        except Exception as error:
            log.exception(LogEvent("server.failed", server=self._host.name))
            self._lose(f"{self._host.name}: {type(error).__name__}: {error}")

    def _closed(self, _: asyncio.Task[None]) -> None:
        """Cleans up once the connection is closed, however it ended: nothing more is sent or received."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._audio.dropped_s:
            log.warning(LogEvent("server.slow", server=self._host.name, dropped_s=round(self._audio.dropped_s, 1)))
        self._host.gone(self)
        self._free = True
        if self._ending == "Cancel" and not self._lost:
            self._tell("Cancelled")

    def _lose(self, reason: str) -> None:
        self.over = self._lost = True
        self.channel.lose(reason)

    async def _connected(self, begin: Event) -> None:
        """Sends and receives on one connection. Returns when it can no longer be used. Raises `HostLost`."""
        idle = not self._audio and not self._ending
        self._sent, self._chunks = 0, ""
        connection = await self._host.connect()
        writing = asyncio.create_task(self._write(connection, begin), name=f"{self._host.name} writing")
        try:
            while not self._hear(await connection.read()):
                pass
        except HostLost as error:
            if self._sent or not idle:
                raise HostLost(f"{self._host.name}: {error}") from None
        finally:
            connection.close()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        # If there was no speech on it, the next connection is opened only once there is, because it could be closed
        # too.
        while not (self.over or self._sent or self._audio or self._ending):
            self._news.clear()
            await self._news.wait()

    async def _write(self, connection: WyomingConnection, begin: Event) -> None:
        with suppress(HostLost):  # the reading task gets the error
            await connection.send(begin)
            await connection.send(AudioStart(**FORMAT).event())
            while True:
                while self._audio:
                    piece = self._audio.take()
                    self._sent += len(piece)
                    await connection.send(AudioChunk(**FORMAT, audio=piece).event())
                if self._ending:
                    await connection.send(AudioStop().event())
                    return
                self._news.clear()
                await self._news.wait()

    def _hear(self, event: Event) -> bool:
        """Handles an event; True if the connection can no longer be used. Raises `HostLost` if the event is invalid."""
        try:
            if TranscriptStart.is_type(event.type):
                self._chunks = ""
            elif TranscriptChunk.is_type(event.type):
                self._chunks += TranscriptChunk.from_event(event).text
                self.channel.put({"type": "Partial", **self._text(self._chunks)}, b"")
            elif Transcript.is_type(event.type):
                return self._understood(Transcript.from_event(event).text)
            elif TranscriptStop.is_type(event.type) and self._chunks:
                return self._understood(self._chunks)
            elif Error.is_type(event.type):
                self._tell("Failed", error=f"{self._host.name}: {Error.from_event(event).text:.200}")
                return True
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise HostLost(f"speaks another dialect: {event.type!r:.40} with {error!r:.80}") from None
        return False

    def _understood(self, text: str) -> bool:
        if self._ending and not self._audio:
            self._final(text)
            return True
        self._sent = 0
        if text.strip():  # the server has decided that the speaker has finished
            self._said.append(text.strip())
            self.channel.put({"type": "Partial", **self._text("")}, b"")
        return True
