"""Tells systemd how a server is: sd_notify(3), without its library. Nothing where systemd did not ask to be told."""

from __future__ import annotations

import asyncio
import os
import socket


def notify(state: str) -> None:
    """`READY=1`, `STATUS=…`, `WATCHDOG=1`: see sd_notify(3)."""
    if path := os.environ.get("NOTIFY_SOCKET", ""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


async def keep_watchdog() -> None:
    """Tells the watchdog that the event loop runs, twice as often as it wants to hear it."""
    period_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while period_s:
        notify("WATCHDOG=1")
        await asyncio.sleep(period_s / 2)
