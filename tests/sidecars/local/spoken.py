"""Has a host speak a text."""

from __future__ import annotations

from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.hearing import until


async def said(host: SubprocessHost, text: str = "Hello.") -> str:
    """The type of the message that ends it."""
    channel = host.open()
    channel.send({"type": "Speak", "text": text})
    message = await until(channel, "Done", "Failed")
    channel.close()
    return str(message["type"])
