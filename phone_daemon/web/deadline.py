"""HTTP connections that end if no request comes. uvicorn lets a client that sends nothing, or half a request, keep its
connection for good, and a request's head grow without a limit.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
"""The longest time from a connection, or from the first byte of a further request, until a request's head is there."""
MAX_HEAD = 65_536
"""The most bytes in a request's head."""


class HttpWithDeadline(HttpToolsProtocol):
    """uvicorn's protocol for a connection, with these limits."""

    _late: asyncio.TimerHandle | None = None
    """Runs while a head is awaited."""
    _head = 0
    """Bytes of that head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._late is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._give_up()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget()

    def _await_head(self) -> None:
        # Further bytes of a head do not move its deadline.
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S, self._give_up)

    def _forget(self) -> None:
        self._head = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._forget()
        self.transport.close()
