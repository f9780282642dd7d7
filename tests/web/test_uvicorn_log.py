"""What strangers can write into the log by their requests: nothing."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.web.served import served, settings_in


async def test_a_strangers_mistakes_are_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with served(settings_in(tmp_path)) as web:
        caplog.set_level(logging.INFO)
        caplog.clear()
        for junk in (b"\xff\xfe\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", web.process.port)
            writer.write(junk)
            assert (await reader.readline()).startswith(b"HTTP/1.1 4")
            writer.close()
        with pytest.raises(InvalidStatus):
            async with web.socket(role=""):
                pass
        async with web.socket() as socket:
            await socket.send([b"\xff\xfe"], text=True)
            await socket.wait_closed()
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in said if "process.said" in line], said
