"""Texts on a host, step by step, for tests."""

from __future__ import annotations

import asyncio
import time

from sidecars.hosts.host import Channel, Host, Message

LONG = "This is a rather long sentence about nothing, and it goes on. " * 60


def speak(channel: Channel, text: str, **options: object) -> None:
    channel.send({"type": "Speak", "text": text, "options": options})


async def told(channel: Channel, until: str = "Done") -> tuple[list[Message], bytes]:
    """Messages up to one of type `until`, and their audio."""
    messages, audio = [], b""
    async with asyncio.timeout(10):
        while not messages or messages[-1]["type"] != until:
            message, pcm = await channel.receive()
            messages.append(message)
            audio += pcm
    return messages, audio


async def stops_in_the_middle(host: Host) -> None:
    """A slow engine that makes a text in one piece is told to stop, and does so before the piece is made."""
    await host.start()
    try:
        channel = host.open()
        began = time.monotonic()
        speak(channel, "Hello.")
        await told(channel)
        whole = time.monotonic() - began
        speak(channel, "Hello.")
        await asyncio.sleep(whole / 4)
        began = time.monotonic()
        channel.send({"type": "Cancel"})
        messages, _ = await told(channel, "Cancelled")
        assert [message["type"] for message in messages] == ["Cancelled"]
        assert time.monotonic() - began < whole / 3
    finally:
        await host.close()
