"""Texts on a host, step by step, for tests."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import soxr

from ops.quality.score import normalized
from ops.quality.transcribe import hear
from sidecars.host.host import Channel, Host, Message
from sidecars.local.inprocess import InProcessHost

LONG = "This is a rather long sentence about nothing, and it goes on. " * 60


def speak(channel: Channel, text: str, **options: object) -> None:
    channel.send({"type": "Speak", "text": text, "options": options})


async def told(channel: Channel, until: str = "Done") -> tuple[list[Message], bytes]:
    """Messages up to one of type `until`, and their audio."""
    messages: list[Message] = []
    audio = b""
    async with asyncio.timeout(10):
        while not messages or messages[-1]["type"] != until:
            message, pcm = await channel.receive()
            messages.append(message)
            audio += pcm
    return messages, audio


async def heard_back(pcm: bytes, rate: int) -> str:
    """What the embedded recognizer finds in the speech, without capitals and punctuation."""
    wide = soxr.resample(np.frombuffer(pcm, "<i2"), rate, 16000)
    stt = InProcessHost("stt", "moonshine", {})
    await stt.start()
    try:
        return normalized(await hear(stt, wide.tobytes(), {}))
    finally:
        await stt.close()


async def stops_in_the_middle(host: Host, text: str = "Hello.") -> None:
    """A slow engine that makes a text in one piece is told to stop, and does so before the piece is complete."""
    await host.start()
    try:
        channel = host.open()
        began = time.monotonic()
        speak(channel, text)
        await told(channel)
        whole = time.monotonic() - began
        speak(channel, text)
        await asyncio.sleep(whole / 4)
        began = time.monotonic()
        channel.send({"type": "Cancel"})
        messages, _ = await told(channel, "Cancelled")
        assert [message["type"] for message in messages] == ["Cancelled"]
        assert time.monotonic() - began < whole / 3
    finally:
        await host.close()
