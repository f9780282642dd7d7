"""The recognizer and the voice that all agents share: our listen and speech servers, on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass

import aiohttp

from ops.bench.peers.process import NotThere
from ops.bench.stt.sidecar import Sidecar, SidecarFailed, environ
from ops.live.ports import free_port

STT, TTS = "moonshine", "hibari"
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Where:
    """Base URLs of the two."""

    stt: str
    """`ws://HOST:PORT`, without the path."""
    tts: str
    """`http://HOST:PORT/v1`."""


class Servers:
    """`async with Servers() as where`: both have loaded their engines. Raises `NotThere`."""

    def __init__(self) -> None:
        self._stt = Sidecar(STT, {})

    async def __aenter__(self) -> Where:
        try:
            await self._stt.start()
        except SidecarFailed as error:
            raise NotThere(f"the listen server: {error}") from None
        port = free_port()
        command = (sys.executable, "-m", "sidecars.serve.tts", "--engine", TTS, "--port", str(port))
        self._tts = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ()
        )
        where = Where(self._stt.url.removesuffix("/v1/listen"), f"http://127.0.0.1:{port}/v1")
        try:
            await self._ready(f"http://127.0.0.1:{port}/healthz")
        except BaseException:
            await self.__aexit__()
            raise
        return where

    async def _ready(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(round(START_S / 0.1)):
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass  # it is not listening yet
                if self._tts.returncode is not None:
                    break
                await asyncio.sleep(0.1)
        raise NotThere("the speech server does not answer")

    async def __aexit__(self, *_: object) -> None:
        if self._tts.returncode is None:
            self._tts.terminate()
            await self._tts.wait()
        await self._stt.stop()
