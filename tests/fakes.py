"""The few things that the sample clock rules out: an engine that dies, one that takes its time, and a noise.

The engines and the host are real; only what would happen to them elsewhere is simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sidecars.host.channel import QueueChannel
from sidecars.host.host import Message
from sidecars.local.inline import InlineHost


class MortalHost(InlineHost):
    """A host whose engine can be killed: what `kill -9` does to a `SubprocessHost`, which needs real time."""

    async def die(self, *, for_good: bool = False) -> None:
        """Every channel is lost; unless `for_good`, a fresh engine is available at once."""
        self._stop("killed")
        if not for_good:
            await self.start()


class TunedHost(InlineHost):
    """A host that lets a test step between its engine and its client."""

    late_s = 0.0
    """Answers arrive this much later, as from a busy machine or a distant server."""
    late_final_s = 0.0
    """Delays finals, but not what comes before them."""
    wordless = False
    """Recognition finds no words. There is no voice that every VAD accepts and no recognizer understands: sounds like
    one yield words now and then.
    """

    unsure = False
    """Recognition withdraws all words that it had guessed."""

    def open(self, call: str = "") -> QueueChannel:
        channel = super().open()
        put = channel.put

        def tuned(message: Message, payload: bytes) -> None:
            if (self.wordless and "text" in message) or (self.unsure and message["type"] == "Final"):
                message = {**message, "text": ""}
            if late_s := self.late_s + (self.late_final_s if message["type"] == "Final" else 0.0):
                asyncio.get_running_loop().call_later(late_s, put, message, payload)
            else:
                put(message, payload)

        channel.put = tuned  # type: ignore[method-assign]
        return channel


class UnevenHost(InlineHost):
    """A voice whose audio comes as slowly as a slow or busy engine's."""

    first_s = 0.0
    """Delay before the first piece of a text."""
    gaps_s: Sequence[float] = (0.0,)
    """Delays before each later piece, repeated."""

    def open(self, call: str = "") -> QueueChannel:
        channel = super().open()
        put = channel.put
        at = 0.0
        pieces = 0

        def uneven(message: Message, payload: bytes) -> None:
            nonlocal at, pieces
            delay = 1e-6  # Timers that are due at the same moment have no order.
            if message["type"] == "Chunk":
                delay += self.gaps_s[(pieces - 1) % len(self.gaps_s)] if pieces else self.first_s
                pieces += 1
            else:
                pieces = 0
            loop = asyncio.get_running_loop()
            at = max(at, loop.time()) + delay
            loop.call_at(at, put, message, payload)

        channel.put = uneven  # type: ignore[method-assign]
        return channel
