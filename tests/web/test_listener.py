"""The socket on which the web process listens."""

from __future__ import annotations

import asyncio
import socket

import pytest

from phone_daemon.web.listener import listen


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1"])
def test_what_is_written_is_sent_at_once(bind: str) -> None:
    async def main() -> int:
        accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

        async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.put_nowait(writer)

        listener = listen(bind, 0)
        async with await asyncio.start_server(take, sock=listener):
            _, client = await asyncio.open_connection(*listener.getsockname()[:2])
            server = await accepted.get()
            held: int = server.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            server.close()
            client.close()
        return held

    assert asyncio.run(main()) == 1
