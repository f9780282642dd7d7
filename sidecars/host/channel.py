"""The client's end of a channel, the same for every host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sidecars.host.host import HostLost, Message

Deliver = Callable[[int, Message, bytes], None]


class QueueChannel:
    """A `Channel` whose host puts arriving messages in with `put`, and gets outgoing ones through `deliver`."""

    def __init__(self, number: int, deliver: Deliver, sample_rate: int) -> None:
        self.number = number
        self.sample_rate = sample_rate
        self._deliver = deliver
        self._queue: asyncio.Queue[tuple[Message, bytes] | None] = asyncio.Queue()
        self._listener: tuple[Callable[[Message, bytes], None], Callable[[str], None]] | None = None
        self._over = ""
        """Why nothing can be sent anymore; empty while the channel is open."""

    def put(self, message: Message, payload: bytes) -> None:
        """Adds a message from the engine."""
        if self._listener is not None:
            self._listener[0](message, payload)
        else:
            self._queue.put_nowait((message, payload))

    def lose(self, reason: str) -> None:
        """The engine is gone: messages that have arrived are still received, then `HostLost` is raised."""
        if not self._over:
            self._over = reason
            if self._listener is not None:
                self._listener[1](reason)
            else:
                self._queue.put_nowait(None)

    def send(self, message: Message, payload: bytes = b"") -> None:
        if not self._over:
            self._deliver(self.number, message, payload)

    async def receive(self) -> tuple[Message, bytes]:
        item = await self._queue.get()
        if item is None:
            self._queue.put_nowait(None)  # for anyone who calls again
            raise HostLost(self._over)
        return item

    def listen(self, sink: Callable[[Message, bytes], None], lost: Callable[[str], None]) -> None:
        self._listener = (sink, lost)
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is None:
                lost(self._over)
            else:
                sink(*item)

    def close(self) -> None:
        if not self._over:
            self._deliver(self.number, {"type": "Close"}, b"")
            while not self._queue.empty():
                self._queue.get_nowait()
            self._over = "the channel was closed"
            self._queue.put_nowait(None)  # nobody may wait forever
