"""A server of an unexpected kind, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

JUNK = (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[]\n", b"{}\n", b"x" * 100_000)


@asynccontextmanager
async def answering(junk: bytes) -> AsyncIterator[str]:
    """Its address. It answers the first line of a connection with `junk`, and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(junk)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield "tcp://{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
