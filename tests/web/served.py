"""A real web process on a free port, with the test in the daemon's place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from phone_daemon.events import Note
from phone_daemon.settings.settings import CallSettings, Settings, SipSettings, StateSettings
from phone_daemon.settings.web import WebSettings
from phone_daemon.web.hand_over import HandOver
from phone_daemon.web.process import WebProcess
from phone_daemon.wire.sip import IncomingCall
from tests.wire.calls import PATIENCE_S, Ear, strength

TOKENS = {"watch": "watch-0123456789abcdef", "operate": "operate-0123456789abcdef", "admin": "admin-0123456789abcdef"}
ENVIRON = {**os.environ, "PHONE_WEB_TOKENS": " ".join(f"{role}:{token}" for role, token in TOKENS.items())}

__all__ = ["ENVIRON", "TOKENS", "HandOver", "Served", "bearer", "served", "settings_in"]


def settings_in(folder: Path, **web: Any) -> Settings:
    """Everything under `folder`, and nothing outside it."""
    return Settings(
        sip=SipSettings(port=0),
        calls=CallSettings(directory=folder / "calls"),
        state=StateSettings(url="off", directory=folder),
        web=replace(WebSettings(), **{"on": True, "port": 0, "requests_a_minute": 100_000, **web}),
    )


def bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


@dataclass
class Served:
    process: WebProcess
    incoming: asyncio.Queue[IncomingCall]
    settings: Settings

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.process.port}"

    def client(self, role: str = "", **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={**(bearer(role) if role else {}), **headers}, timeout=10)

    def socket(self, path: str = "/ws/voice", role: str = "operate", **options: Any) -> connect:
        headers: Mapping[str, str] = bearer(role) if role else {}
        return connect(f"ws://127.0.0.1:{self.process.port}{path}", additional_headers=headers, **options)

    async def rung(self) -> IncomingCall:
        """The next call that comes in."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.incoming.get()

    async def answered(self) -> Ear:
        """The next call, accepted and begun as by the daemon."""
        ear = Ear((await self.rung()).answer())
        self.tell(ear.line.id, "started", caller=ear.line.caller, called=ear.line.called)
        return ear

    def tell(self, call: str, kind: str, **data: object) -> None:
        self.process.tell(Note(call, kind, 1, data))


@asynccontextmanager
async def served(settings: Settings, environ: Mapping[str, str] = ENVIRON, **options: Any) -> AsyncIterator[Served]:
    incoming: asyncio.Queue[IncomingCall] = asyncio.Queue()
    os.environ["PHONE_WEB_TOKENS"] = environ.get("PHONE_WEB_TOKENS", "")
    process = WebProcess(settings, incoming, **{"called": "reception", "health_port": 0, "environ": environ, **options})
    try:
        async with process:
            yield Served(process, incoming, settings)
    finally:
        os.environ.pop("PHONE_WEB_TOKENS", None)


async def hears(ear: Ear, hertz: float, frames: int = 10) -> None:
    """Waits until this many of the caller's frames sound at `hertz`, whatever a busy machine puts between them."""
    await ear.until(lambda: sum(strength(frame.pcm, hertz) > 1000 for frame in ear.frames[-150:]) >= frames)


async def frame_of(socket: ClientConnection, *types: int) -> bytes:
    """The next message of one of these types."""
    async with asyncio.timeout(PATIENCE_S):
        async for message in socket:
            assert isinstance(message, bytes)
            if message[0] in types:
                return message
    raise AssertionError(f"the connection was closed: {socket.close_code} {socket.close_reason}")
