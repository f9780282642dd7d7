"""A daemon with the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import ConsoleMessage, Page

from ops.live.daemon_process import DaemonProcess
from ops.live.ports import free_port

TOKEN = "admin-of-the-page-tests"
START_S = 45.0


@asynccontextmanager
async def a_daemon(directory: Path, port: int = 0) -> AsyncIterator[tuple[DaemonProcess, str]]:
    """One that serves the page, and the link that a person opens."""
    port = port or free_port()
    web = {"on": True, "port": port, "requests_a_minute": 6000}
    tokens = {"PHONE_WEB_TOKENS": f"admin:{TOKEN}"}
    async with DaemonProcess(directory, {"web": web}, environ=tokens, start_s=START_S) as daemon:
        async with asyncio.timeout(START_S):
            while not await _listens(port):  # noqa: ASYNC110 (a socket)
                await asyncio.sleep(0.1)
        yield daemon, f"http://127.0.0.1:{port}/?token={TOKEN}"


@asynccontextmanager
async def problems(page: Page) -> AsyncIterator[list[str]]:
    """Errors in the page's console, except that a busy daemon is not ready, which the page shows."""
    found: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.location["url"].endswith("/readyz"):
            found.append(message.text)

    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", said)
    yield found


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
