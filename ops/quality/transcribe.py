"""Transcribes recordings with a recognition engine, wherever it runs, as fast as it takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sidecars.host.host import Host, HostLost

PIECE_S = 0.1
AHEAD_S = 40.0
"""This much of an utterance is sent at once, the rest four times as fast as it was said: hosts buffer a minute."""
STUCK_S = 120.0
"""An engine that says nothing for this long after the end of an utterance never will."""


class NotHeard(Exception):
    """An utterance was given up; the message says why."""


@asynccontextmanager
async def started(host: Host) -> AsyncIterator[Host]:
    """Starts the host, and closes it at the end. Raises `HostLost`."""
    try:
        await host.start()
        yield host
    finally:
        await host.close()


async def hear(host: Host, pcm: bytes, options: Mapping[str, object]) -> str:
    """The transcript of `pcm`, which is at the host's rate. Raises `NotHeard`."""
    channel = host.open()
    try:
        channel.send({"type": "Open", "options": dict(options)})
        size = 2 * round(PIECE_S * channel.sample_rate)
        for place in range(0, len(pcm), size):
            channel.send({"type": "Audio"}, pcm[place : place + size])
            await asyncio.sleep(PIECE_S / 4 if place > AHEAD_S * 2 * channel.sample_rate else 0)
        channel.send({"type": "Finalize"})
        async with asyncio.timeout(STUCK_S):
            while (message := (await channel.receive())[0])["type"] != "Final":
                if message["type"] in ("Failed", "Cancelled"):
                    raise NotHeard(str(message.get("error", "cancelled")))
        return str(message["text"])
    except HostLost as error:
        raise NotHeard(str(error)) from None
    except TimeoutError:
        raise NotHeard(f"no final transcript within {STUCK_S:g} s") from None
    finally:
        channel.close()
