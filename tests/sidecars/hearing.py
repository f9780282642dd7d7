"""Utterances on a host, step by step, for tests."""

from __future__ import annotations

import asyncio
from typing import Any

from sidecars.host.host import Channel, Host
from tests.sidecars.speech import caller, wide, words

FRAME = 640
"""Bytes of 20 ms at 16 kHz."""


def opened(host: Host, **options: object) -> Channel:
    channel = host.open()
    channel.send({"type": "Open", "options": {"grammar": "clinic", **options}})
    return channel


def feed(channel: Channel, text: str) -> None:
    """The whole of it at once, frame by frame."""
    audio = wide(caller(text))
    for begin in range(0, len(audio), FRAME):
        channel.send({"type": "Audio"}, audio[begin : begin + FRAME])


async def until(channel: Channel, *kinds: str) -> dict[str, Any]:
    """The next message of one of `kinds`; others are skipped."""
    async with asyncio.timeout(20):
        while True:
            message, _ = await channel.receive()
            if message["type"] in kinds:
                return message


async def final(channel: Channel) -> dict[str, Any]:
    """The message that ends the utterance."""
    channel.send({"type": "Finalize"})
    told = await until(channel, "Final", "Failed")
    channel.close()
    return told


async def heard(host: Host, text: str) -> str:
    """The words recognized when `text` is said."""
    channel = opened(host)
    feed(channel, text)
    return words((await final(channel))["text"])
