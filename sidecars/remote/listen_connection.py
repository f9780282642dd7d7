"""One utterance on its way through a listen server: the messages to send, and the task that sends and receives."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import aiohttp

from sidecars import listen_dialect
from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost, Message
from sidecars.log import Event
from sidecars.remote.audio_queue import AudioQueue

RATE = 8000
"""Audio travels as it came from the telephone, at 8 kHz."""
KEEP_ALIVE_S = 4.0
"""Deepgram closes a connection after 10 s of silence."""

log = logging.getLogger(__name__)


class ListenServer(Protocol):
    """The interface that a connection needs of the host that opened it."""

    name: str
    problem: str

    async def connect(
        self, http: aiohttp.ClientSession, options: Mapping[str, object]
    ) -> aiohttp.ClientWebSocketResponse: ...

    def gone(self, number: int) -> None: ...

    @property
    def count(self) -> int: ...


class Connection:
    """One utterance: the messages to send, and the task that sends them and receives the answers."""

    def __init__(self, host: ListenServer, http: aiohttp.ClientSession, channel: QueueChannel) -> None:
        self.task: asyncio.Task[None] | None = None
        self._host = host
        self._http = http
        self._channel = channel
        self._audio = AudioQueue(RATE, self._dropping)
        self._orders: deque[str] = deque()
        """Sent after the audio."""
        self._news = asyncio.Event()
        self._ending = ""
        """Finalize or Cancel, once one was requested."""
        self._said: list[dict[str, Any]] = []
        """The final pieces of the utterance, which a server may split anywhere."""

    # ------------------------------------------------------------------------------------------ from the client

    def take(self, message: Message, payload: bytes) -> None:
        kind = message.get("type")
        if kind == "Close":
            if self.task is None:
                self._host.gone(self._channel.number)
            else:
                self.task.cancel()
        elif kind == "Open":
            if self.task is None:
                options = message.get("options", {})
                self.task = asyncio.create_task(self._run(options), name=f"{self._host.name} utterance")
        elif self.task is None:
            self._channel.put({"type": "Failed", "error": f"{kind}: Open must come first", "held": {}, "open": 0}, b"")
        elif kind == "Audio":
            self._add(payload)
        elif kind == "Finalize" and not self._ending:
            self._ending = kind
            # A server that has nothing left to say need not answer Finalize, but must answer CloseStream.
            self._send("Finalize", "CloseStream")
        elif kind == "Cancel" and self._ending != "Cancel":
            self._ending = kind
            self._audio.clear()
            self._orders.clear()
            self._send("Cancel")

    def _add(self, pcm: bytes) -> None:
        if not self._ending:
            self._audio.put(pcm)
            self._news.set()

    def _dropping(self) -> None:
        self._channel.put({"type": "Fault", "error": f"{self._host.name} is slow: audio is dropped"}, b"")

    def _send(self, *kinds: str) -> None:
        self._orders.extend(json.dumps({"type": kind}) for kind in kinds)
        self._news.set()

    def abandon(self, reason: str) -> None:
        """Tells the client that the channel is lost."""
        self._channel.lose(reason)
        if self.task is None:
            self._host.gone(self._channel.number)
        else:
            self.task.cancel()

    # ------------------------------------------------------------------------------------------ the connection

    async def _run(self, options: Mapping[str, object]) -> None:
        try:
            try:
                socket = await self._host.connect(self._http, options)
            except HostLost as error:
                self._host.problem = str(error)
                raise
            self._host.problem = ""
            try:
                await self._talk(socket)
            finally:
                await socket.close()
        except HostLost as error:
            self._lose(str(error))
        except Exception as error:
            log.exception(Event("server.failed", server=self._host.name))
            self._lose(f"{self._host.name}: {error!r}")
        finally:
            if dropped_s := self._audio.dropped_s:
                log.warning(Event("server.slow", server=self._host.name, dropped_s=round(dropped_s, 1)))
            self._host.gone(self._channel.number)

    def _lose(self, reason: str) -> None:
        self._channel.lose(reason)

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Sends and receives until the utterance is over. Raises `HostLost` if the server ends it early."""
        writing = asyncio.create_task(self._write(socket, knows_cancel(socket)), name=f"{self._host.name} writing")
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT and self._hear(message.data):
                    return
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        if self._ending == "Finalize" and socket.close_code == aiohttp.WSCloseCode.OK:
            self._final({})
        elif self._ending == "Cancel":
            self._over("Cancelled", {})
        else:
            raise HostLost(f"{self._host.name} closed the connection ({socket.close_code or 'without a word'})")

    async def _write(self, socket: aiohttp.ClientWebSocketResponse, can_cancel: bool) -> None:
        with suppress(ConnectionError):  # the reading task gets the error
            while True:
                while self._audio or self._orders:
                    if self._audio:
                        await socket.send_bytes(self._audio.take())
                    elif self._ending == "Cancel" and not can_cancel:
                        await socket.close()
                        return
                    else:
                        await socket.send_str(self._orders.popleft())
                self._news.clear()
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await self._news.wait()
                except TimeoutError:
                    self._send("KeepAlive")

    def _hear(self, text: str) -> bool:
        """Handles a message from the server; True if it was the last. Raises `HostLost` if it is invalid."""
        try:
            told = json.loads(text)
            kind = told["type"]
            if kind == "Results" and self._ending != "Cancel":
                return self._hear_results(told)
            if kind == "Metadata" and self._ending == "Finalize":
                self._final({})
                return True
            if kind == "Cancelled":
                self._over("Cancelled", told.get("released", {}))
                return True
            if kind == "Error":
                what = f"{self._host.name}: {told.get('description', 'an error without a word'):.200}"
                self._channel.put({"type": "Failed", "error": what, "held": {}, "open": self._host.count - 1}, b"")
                return True
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise HostLost(f"{self._host.name} speaks another dialect: {error!r:.100} in {text:.60}") from None
        return False

    def _hear_results(self, told: dict[str, Any]) -> bool:
        best = told["channel"]["alternatives"][0]
        piece = {
            "text": str(best["transcript"]),
            "confidence": float(best["confidence"]),
            "words": [*listen_dialect.heard_words(best, 0.0)],
        }
        final = bool(told["is_final"])
        if final:
            self._said.append(piece)
        if told.get("from_finalize") and self._ending:
            self._final(told.get("released", {}))
            return True
        if piece["text"] or final:
            self._put("Partial", self._said if final else [*self._said, piece])
        return False

    def _final(self, released: Mapping[str, Any]) -> None:
        self._put("Final", self._said, held=released.get("held", {}), open=released.get("open", self._host.count - 1))

    def _over(self, kind: str, released: Mapping[str, Any]) -> None:
        told = {"type": kind, "held": released.get("held", {}), "open": released.get("open", self._host.count - 1)}
        self._channel.put(told, b"")

    def _put(self, kind: str, pieces: Sequence[Mapping[str, Any]], **more: Any) -> None:
        spoken = [piece for piece in pieces if piece["text"]]
        told = {
            "type": kind,
            "text": " ".join(piece["text"] for piece in spoken),
            "confidence": sum(piece["confidence"] for piece in spoken) / len(spoken) if spoken else 0.0,
        }
        if words := [word for piece in spoken for word in piece["words"]]:
            told["words"] = words
        self._channel.put(told | more, b"")


def knows_cancel(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether the server is one of ours."""
    headers: Mapping[str, str] = socket._response.headers  # the only way to an answer's headers
    return listen_dialect.EXTENSIONS in headers.get(listen_dialect.EXTENSIONS_HEADER, "")
