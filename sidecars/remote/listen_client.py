"""The daemon's client for a listen server, ours or any other that speaks Deepgram's streaming dialect.

A channel is an utterance, and an utterance is a connection. The connection is opened as soon as the channel is and is
kept alive, so that one that is opened ahead is ready when it is needed. Audio travels at 8 kHz, as it came from the
telephone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp

from sidecars import listen_dialect
from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost, Message
from sidecars.remote.listen_connection import RATE, Connection, knows_cancel

CONNECT_S = 1.5
"""The longest wait for the server to accept a connection."""
CLOSE_S = 1.0
"""How long a closing connection waits for the server; nobody else waits for it."""


class ListenHost:
    """A `Host` that is a server somewhere. There is nothing to start: `start` only checks that it answers."""

    voices: Sequence[str] = ()

    def __init__(self, url: str, *, token: str = "", options: Mapping[str, object] | None = None) -> None:
        """`url`: ws://, wss://, or unix:///PATH of a socket. `options`: query parameters (`model`, `language`, …)."""
        self.name = f"listen server {_shown(url)}"
        self.url, self._path = (
            (f"ws://localhost{listen_dialect.PATH}", url[len("unix://") :]) if _is_unix(url) else (url, "")
        )
        self.headers = {"Authorization": f"Token {token}"} if token else {}
        self.options = dict(options or {})
        self.http: aiohttp.ClientSession | None = None
        self._ours = False
        self._connections: dict[int, Connection] = {}
        self._numbers = itertools.count(1)
        self.problem = ""
        """Why the last connection failed."""

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

    def open(self, call: str = "") -> QueueChannel:
        channel = QueueChannel(next(self._numbers), self._deliver, RATE)
        if self.http is None:
            channel.lose(f"{self.name} is not in use")
        else:
            self._connections[channel.number] = Connection(self, self.http, channel)
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
        """Opens a connection for one utterance. Raises `HostLost` with the reason. `options`, the engine's session
        options, are only sent to our own servers: others may refuse what they do not know.
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
        """Forgets a connection that is over."""
        self._connections.pop(number, None)

    @property
    def count(self) -> int:
        """The number of connections that are open, being opened, or being closed."""
        return len(self._connections)


_WIRE = {
    "encoding": "linear16",
    "sample_rate": RATE,
    "channels": 1,
    "interim_results": True,
    "endpointing": False,  # the daemon knows when the caller has finished
}


def _is_unix(url: str) -> bool:
    return url.startswith("unix://")


def _shown(url: str) -> str:
    """The URL without anything that may be secret."""
    if _is_unix(url):
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(error: BaseException) -> str:
    """Why there is no connection, without repeating the address."""
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", "") or str(cause) or type(cause).__name__
