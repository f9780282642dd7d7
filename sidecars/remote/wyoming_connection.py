"""A connection to a Wyoming server of any kind: JSON lines followed by audio, over TCP or a Unix socket.

Protocol: https://github.com/OHF-Voice/wyoming.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from wyoming.event import Event, async_read_event, async_write_event
from wyoming.info import Describe, Info

from sidecars.host.host import HostLost

CONNECT_S = 1.5
"""The longest wait for a server to accept a connection."""


class WyomingConnection:
    """A connection. Its errors are a `HostLost` that says what went wrong, but not where."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> WyomingConnection:
        """Opens a connection. `url`: `tcp://HOST:PORT` or `unix:///PATH`."""
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(CONNECT_S):
                if parts.scheme == "unix":
                    return cls(*await asyncio.open_unix_connection(parts.path))
                return cls(*await asyncio.open_connection(parts.hostname, parts.port))
        except TimeoutError:
            raise HostLost(f"did not accept within {CONNECT_S:g} s") from None
        except (OSError, ValueError) as error:  # ValueError: no such port
            raise HostLost(getattr(error, "strerror", "") or str(error) or type(error).__name__) from None

    async def send(self, event: Event) -> None:
        """Sends an event, and returns when there is room for more."""
        try:
            await async_write_event(event, self._writer)
        except OSError as error:
            raise HostLost(f"closed the connection ({error.strerror or type(error).__name__})") from None

    async def read(self) -> Event:
        """Reads the next event."""
        try:
            event = await async_read_event(self._reader)
        except (OSError, EOFError):
            raise HostLost("closed the connection in the middle of a message") from None
        except Exception as error:  # the package assumes that its peer speaks Wyoming
            raise HostLost(f"does not speak Wyoming ({type(error).__name__}: {error!s:.80})") from None
        if event is None:
            raise HostLost("closed the connection" if self._reader.at_eof() else "does not speak Wyoming")
        return event

    async def describe(self, limit_s: float) -> Info:
        """Asks the server for its description."""
        await self.send(Describe().event())
        try:
            async with asyncio.timeout(limit_s):
                while not Info.is_type((event := await self.read()).type):
                    pass
        except TimeoutError:
            raise HostLost(f"did not say within {limit_s:g} s what it is") from None
        try:
            return Info.from_event(event)
        except Exception as error:
            raise HostLost(f"sent an invalid Info event ({type(error).__name__}: {error!s:.80})") from None

    def close(self) -> None:
        """Closes the connection at once, whatever is still on its way. Idempotent."""
        self._writer.transport.abort()
