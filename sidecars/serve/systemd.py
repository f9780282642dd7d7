"""Reports a server's state to systemd, as sd_notify(3) does but without its library. Does nothing if systemd does not
expect it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable


def notify(state: str) -> None:
    """Sends `READY=1`, `STATUS=…`, or `WATCHDOG=1`: see sd_notify(3)."""
    if path := os.environ.get("NOTIFY_SOCKET", ""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


async def keep_watchdog(proof: Callable[[], Awaitable[object]] | None = None) -> None:
    """Tells the watchdog that the event loop runs, twice as often as it expects. `proof` returns if everything else
    that must run does; as long as it does not return, the watchdog is not told, and systemd restarts the server.
    """
    period_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while period_s:
        if proof is not None:
            await proof()
        notify("WATCHDOG=1")
        await asyncio.sleep(period_s / 2)
