"""The client's end of a channel, the same for every host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sidecars.hosts.host import HostLost, Message

Deliver = Callable[[int, Message, bytes], None]


class QueueChannel:
    """A `Channel` whose host puts in what arrives, and takes out what is sent through `deliver`."""

    def __init__(self, number: int, deliver: Deliver) -> None:
        self.number = number
        self._deliver = deliver
        self._queue: asyncio.Queue[tuple[Message, bytes] | None] = asyncio.Queue()
        self._over = ""
        """Why nothing can be sent any more; empty while something can."""

    def put(self, message: Message, payload: bytes) -> None:
        """A message from the engine."""
        self._queue.put_nowait((message, payload))

    def lose(self, reason: str) -> None:
        """The engine is gone: what has arrived is still received, then `HostLost`."""
        if not self._over:
            self._over = reason
            self._queue.put_nowait(None)

    def send(self, message: Message, payload: bytes = b"") -> None:
        if not self._over:
            self._deliver(self.number, message, payload)

    async def receive(self) -> tuple[Message, bytes]:
        item = await self._queue.get()
        if item is None:
            self._queue.put_nowait(None)  # for whoever asks again
            raise HostLost(self._over)
        return item

    def close(self) -> None:
        if not self._over:
            self._deliver(self.number, {"type": "Close"}, b"")
            while not self._queue.empty():
                self._queue.get_nowait()
            self.lose("the channel was closed")
