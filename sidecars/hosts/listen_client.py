"""The daemon's end of a listen server, ours or any other that speaks Deepgram's streaming dialect.

A channel is an utterance, and an utterance is a connection: opened as soon as the channel is, so one that is opened
ahead stands ready when it is needed, and kept alive until then. Audio travels at 8 kHz, as it came from the telephone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from sidecars.hosts.channel import QueueChannel
from sidecars.hosts.host import HostLost, Message
from sidecars.hosts.listen import dialect

RATE = 8000
CONNECT_S = 1.5
"""Longest wait for the server to accept."""
KEEP_ALIVE_S = 4.0
"""Deepgram ends a connection that was silent for 10 s."""
PIECE = 2 * RATE // 10
"""Bytes of audio in one message, at most."""
WAITING_S = 20.0
"""Audio that may wait to be sent: the longest utterance with its pre-roll. Of more, the oldest is dropped."""
CLOSE_S = 1.0
"""How long a closing connection is waited for, by nobody but itself."""

log = logging.getLogger(__name__)


class ListenHost:
    """A `Host` that is a server somewhere. There is nothing to start: `start` only finds out whether it answers."""

    voices: Sequence[str] = ()

    def __init__(self, url: str, *, token: str = "", options: Mapping[str, object] | None = None) -> None:
        """`url`: ws://, wss://, or unix:///PATH of a socket. `options`: query parameters (`model`, `language`, …)."""
        self.name = f"listen server {_shown(url)}"
        self.url, self._path = (f"ws://localhost{dialect.PATH}", url[len("unix://") :]) if _is_unix(url) else (url, "")
        self.headers = {"Authorization": f"Token {token}"} if token else {}
        self.options = dict(options or {})
        self.http: aiohttp.ClientSession | None = None
        self._ours = False
        self._connections: dict[int, _Connection] = {}
        self._numbers = itertools.count(1)
        self.problem = ""
        """Why the last connection could not be made."""

    async def start(self) -> None:
        connector = aiohttp.UnixConnector(self._path, limit=0) if self._path else aiohttp.TCPConnector(limit=0)
        self.http = aiohttp.ClientSession(connector=connector)
        try:
            socket = await self.connect(self.http, {})
            self._ours = knows_cancel(socket)
            await socket.close()
        except BaseException:
            await self.close()
            raise

    def open(self) -> QueueChannel:
        channel = QueueChannel(next(self._numbers), self._deliver, RATE)
        if self.http is None:
            channel.lose(f"{self.name} is not in use")
        else:
            self._connections[channel.number] = _Connection(self, self.http, channel)
        return channel

    async def close(self) -> None:
        http, self.http = self.http, None
        for connection in list(self._connections.values()):
            connection.abandon(f"{self.name} is no longer in use")
        tasks = [each.task for each in self._connections.values() if each.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * CLOSE_S)
        if http is not None:
            await http.close()

    async def connect(
        self, http: aiohttp.ClientSession, options: Mapping[str, object]
    ) -> aiohttp.ClientWebSocketResponse:
        """A connection for one utterance. Raises `HostLost` with the reason.

        `options`, the engine's session options, are for a server of ours: another may refuse what it does not know.
        """
        asked = {**_WIRE, **self.options, **(options if self._ours else {})}
        query = [(name, _text(each)) for name, value in asked.items() for each in _listed(value)]
        try:
            async with asyncio.timeout(CONNECT_S):
                return await http.ws_connect(
                    self.url,
                    params=query,
                    headers=self.headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                )
        except TimeoutError:
            raise HostLost(f"{self.name} did not accept within {CONNECT_S:g} s") from None
        except aiohttp.WSServerHandshakeError as error:
            raise HostLost(f"{self.name} refused: {error.status} {error.message}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise HostLost(f"{self.name}: {_reason(error)}") from None

    def _deliver(self, number: int, message: Message, payload: bytes) -> None:
        if connection := self._connections.get(number):
            connection.take(message, payload)

    def gone(self, number: int) -> None:
        """A connection is over."""
        self._connections.pop(number, None)

    @property
    def count(self) -> int:
        """Connections that are open, or being opened or closed."""
        return len(self._connections)


class _Connection:
    """One utterance: what is to be sent, and the task that sends it and hears the answers."""

    def __init__(self, host: ListenHost, http: aiohttp.ClientSession, channel: QueueChannel) -> None:
        self.task: asyncio.Task[None] | None = None
        self._host = host
        self._http = http
        self._channel = channel
        self._out: deque[bytes | str] = deque()
        self._waiting = 0
        """Bytes of audio in `_out`."""
        self._dropped_s = 0.0
        self._news = asyncio.Event()
        self._ending = ""
        """Finalize or Cancel, once it was asked for."""
        self._said: list[dict[str, Any]] = []
        """The pieces of the utterance that are final; a server may cut it where it likes."""

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
            # A server that has nothing left to say need not answer Finalize, but it must answer CloseStream.
            self._send("Finalize", "CloseStream")
        elif kind == "Cancel" and self._ending != "Cancel":
            self._ending = kind
            self._out.clear()
            self._waiting = 0
            self._send("Cancel")

    def _add(self, pcm: bytes) -> None:
        if self._ending or not pcm:
            return
        self._out.extend(pcm[start : start + PIECE] for start in range(0, len(pcm), PIECE))
        self._waiting += len(pcm)
        most = 2 * RATE * WAITING_S
        while self._waiting > most and isinstance(oldest := self._out.popleft(), bytes):
            self._waiting -= len(oldest)
            if not self._dropped_s:
                self._channel.put({"type": "Fault", "error": f"{self._host.name} is slow: audio is dropped"}, b"")
            self._dropped_s += len(oldest) / (2 * RATE)
        self._news.set()

    def _send(self, *kinds: str) -> None:
        self._out.extend(json.dumps({"type": kind}) for kind in kinds)
        self._news.set()

    def abandon(self, reason: str) -> None:
        """The client is told that it is lost."""
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
            log.exception("%s", self._host.name)
            self._lose(f"{self._host.name}: {error!r}")
        finally:
            if self._dropped_s:
                log.warning("%s was slow: %.1f s of an utterance were dropped", self._host.name, self._dropped_s)
            self._host.gone(self._channel.number)

    def _lose(self, reason: str) -> None:
        self._channel.lose(reason)

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Sends and hears until the utterance is over. Raises `HostLost` when the server ends it before."""
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
        with suppress(ConnectionError):  # whoever reads is told
            while True:
                while self._out:
                    item = self._out.popleft()
                    if isinstance(item, bytes):
                        self._waiting -= len(item)
                        await socket.send_bytes(item)
                    elif self._ending == "Cancel" and not can_cancel:
                        await socket.close()
                        return
                    else:
                        await socket.send_str(item)
                self._news.clear()
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await self._news.wait()
                except TimeoutError:
                    self._send("KeepAlive")

    def _hear(self, text: str) -> bool:
        """Takes a message of the server's; True when it was the last. Raises `HostLost` when it makes no sense."""
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
                raise HostLost(f"{self._host.name}: {told.get('description', 'an error without a word'):.200}")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise HostLost(f"{self._host.name} speaks another dialect: {error!r:.100} in {text:.60}") from None
        return False

    def _hear_results(self, told: dict[str, Any]) -> bool:
        best = told["channel"]["alternatives"][0]
        piece = {
            "text": str(best["transcript"]),
            "confidence": float(best["confidence"]),
            "words": [*dialect.heard_words(best, 0.0)],
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


_WIRE = {
    "encoding": "linear16",
    "sample_rate": RATE,
    "channels": 1,
    "interim_results": True,
    "endpointing": False,  # the daemon knows when its caller has finished
}


def _is_unix(url: str) -> bool:
    return url.startswith("unix://")


def _shown(url: str) -> str:
    """Without what may be secret in it."""
    if _is_unix(url):
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def knows_cancel(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether the server is one of ours."""
    headers: Mapping[str, str] = socket._response.headers  # the only way to an answer's headers
    return dialect.EXTENSIONS in headers.get(dialect.EXTENSIONS_HEADER, "")


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(error: BaseException) -> str:
    """Why there is no connection, without the address again."""
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", "") or str(cause) or type(cause).__name__
