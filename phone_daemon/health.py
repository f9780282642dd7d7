"""Answers two questions that a supervisor asks over HTTP on loopback: is the daemon alive (`/healthz`), and can it take
calls (`/readyz`)?

    200 {"status": "ok", "live_calls": 3, "draining": false, "parts": {"state": {"status": "ok", "detail": ""}, …}}

`degraded` (something is missing, but calls still work) is answered with 200, and `unready` and a draining daemon with
503. HTTP/1.1 (RFC 9112), one request per connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import TracebackType
from typing import Self

from sidecars.log import Event
from sidecars.tasks import Tasks

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
REQUEST_S = 2.0
"""A client that takes longer to send its request, or to take the answer, is disconnected."""
HEAD_BYTES = 8192
MAX_CLIENTS = 32


class Level(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    """Something is missing, but calls work without it."""
    UNREADY = "unready"
    """Calls cannot be served."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a part of the daemon; `detail` is one line without secrets."""

    level: Level = Level.OK
    detail: str = ""


Part = Callable[[], Condition]
"""Called for every request; must return at once."""


class PortInUse(Exception):
    """The port is in use. The message is one line that says which port and what to do."""


class Health:
    """The HTTP server; `async with Health(…) as health`, then `health.port`.

    `port` 0 means any free port. `live` counts live calls. Entering raises `PortInUse`.
    """

    def __init__(self, port: int, parts: Mapping[str, Part], live: Callable[[], int], draining: asyncio.Event) -> None:
        self.port = port
        self._parts = parts
        self._live = live
        self._draining = draining
        self._clients = Tasks()

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port, limit=HEAD_BYTES)
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
            raise PortInUse(
                f"health port {LOOPBACK}:{self.port} {reason}: set another health_port, or 0 for any free one"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._clients.end()
        await self._server.wait_closed()

    def readiness(self) -> tuple[bool, dict[str, object]]:
        """Whether calls should come here, and the answer that says so."""
        conditions = {name: _ask(name, part) for name, part in self._parts.items()}
        levels = {condition.level for condition in conditions.values()}
        draining = self._draining.is_set()
        status = next((level for level in (Level.UNREADY, Level.DEGRADED) if level in levels), Level.OK)
        if draining:
            status = Level.UNREADY
        return status is not Level.UNREADY, {
            "status": status,
            "live_calls": self._live(),
            "draining": draining,
            "parts": {name: {"status": told.level, "detail": told.detail} for name, told in conditions.items()},
        }

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            writer.transport.abort()
            return
        self._clients.start(self._serve(reader, writer), name="health client")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    answer = self._answer(head)
                except asyncio.LimitOverrunError:
                    answer = _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                writer.write(answer)
                await writer.drain()
                # Closing with unread bytes would reset the connection, and lose the answer.
                writer.write_eof()
                while await reader.read(HEAD_BYTES):
                    pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.transport.abort()

    def _answer(self, head: bytes) -> bytes:
        line = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(line) != 3 or not line[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST)
        method, target, _ = line
        if target.partition("?")[0] not in ("/healthz", "/readyz"):
            return _response(HTTPStatus.NOT_FOUND)
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, headers="Allow: GET, HEAD\r\n")
        if target.startswith("/healthz"):
            return _response(HTTPStatus.OK, {"status": "alive"}, body_too=method == "GET")
        ready, told = self.readiness()
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _response(status, told, body_too=method == "GET")


def _ask(name: str, part: Part) -> Condition:
    try:
        return part()
    except Exception as error:
        log.exception(Event("health.failed", part=name))
        return Condition(Level.UNREADY, f"could not be asked: {type(error).__name__}")


def _response(
    status: HTTPStatus, told: Mapping[str, object] | None = None, *, headers: str = "", body_too: bool = True
) -> bytes:
    body = json.dumps(told if told is not None else {"error": status.phrase}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n{headers}\r\n"
    ).encode()
    return head + (body if body_too else b"")
