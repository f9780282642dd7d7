"""Listen servers for tests: in this process, and as the process that a user would start."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from sidecars.serve.stt.server import ListenServer
from tests.sidecars.clinic import OPTIONS
from tests.sidecars.speech import caller

QUERY = "encoding=linear16&sample_rate=8000&channels=1&interim_results=true&endpointing=false&grammar=clinic"
FRAME = 320
"""Bytes of 20 ms at 8 kHz."""


@asynccontextmanager
async def serving(options: dict[str, Any] = OPTIONS, **settings: Any) -> AsyncIterator[tuple[ListenServer, str]]:
    """A server in this process that is ready, and its address: http://ADDRESS:PORT."""
    server = ListenServer("moonshine", options, **settings)
    runner = web.AppRunner(server.app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await server.start()
        yield server, "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
        await server.close()


class Process:
    """`python -m sidecars.serve.stt`, which can be killed."""

    def __init__(self, *arguments: str) -> None:
        self.said = self.url = ""
        self._arguments = arguments
        self._process: asyncio.subprocess.Process

    async def start(self) -> Process:
        """Returns when it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sidecars.serve.stt", *self._arguments),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            self.said = (await self._process.stdout.readline()).decode().strip()
        self.url = self.said.rpartition(" ")[2]
        assert "://" in self.url, f"it said {self.said!r}"
        return self

    @property
    def running(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def end(self, *, kill: bool = False) -> int:
        """Its exit status."""
        if self._process.returncode is None:
            (self._process.kill if kill else self._process.terminate)()
        async with asyncio.timeout(10):
            await self._process.communicate()  # which also closes the pipe
        assert self._process.returncode is not None
        return self._process.returncode


def options_file(folder: Path) -> str:
    """`--option` for what the clinic's callers say."""
    file = folder / "phrases.json"
    file.write_text(json.dumps(OPTIONS["phrases"]))
    return f"phrases=@{file}"


@asynccontextmanager
async def connected(http: str, query: str = QUERY, **kind: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{http}/v1/listen?{query}", **kind) as socket:
        yield socket


async def say(socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Sends what a caller says, at 8 kHz, frame by frame."""
    audio = caller(text)
    for begin in range(0, len(audio), FRAME):
        await socket.send_bytes(audio[begin : begin + FRAME])


async def told(socket: aiohttp.ClientWebSocketResponse, **wanted: Any) -> dict[str, Any]:
    """The next message with these values; others are skipped."""
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.receive_str())
            if all(message.get(name) == value for name, value in wanted.items()):
                return message
            assert message["type"] != "Error", message


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Reads to the end."""
    async with asyncio.timeout(20):
        async for _ in socket:
            pass
    return socket.close_code


def transcript(results: dict[str, Any]) -> str:
    return str(results["channel"]["alternatives"][0]["transcript"])


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()
