"""Messages waiting to be sent to one WebSocket. Whoever adds a message never waits for the client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from fastapi import WebSocket

MOST_AUDIO = 100
"""The most audio frames (2 s) that wait for a slow client; beyond it the oldest are dropped."""
MOST_WAITING = 1000
"""The most messages of any kind; a client that is this far behind is considered gone."""


class Outbox:
    """The messages waiting to be sent. Adding one never waits; a single task (`run`) sends them."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: deque[tuple[int, bytes | str]] = deque()
        """Each message with the reply whose audio it is; 0: it is not audio."""
        self._audio = 0
        self._wake = asyncio.Event()
        self._closing = False
        self.stuck = False
        """No more messages are accepted."""

    def put(self, message: bytes | str, reply: int = 0) -> None:
        """Adds a message. `reply`: the one whose audio it is; 0: none."""
        if self._closing or self.stuck:
            return
        if reply:
            self._audio += 1
            if self._audio > MOST_AUDIO:
                self.drop(lambda each: True, 1)
        elif len(self._waiting) >= MOST_WAITING:
            self.stuck = True
        self._waiting.append((reply, message))
        self._wake.set()

    def drop(self, of_reply: Callable[[int], bool], most: int = MOST_WAITING) -> None:
        """Drops up to `most` waiting audio frames, oldest first."""
        kept: deque[tuple[int, bytes | str]] = deque()
        for reply, message in self._waiting:
            if reply and most and of_reply(reply):
                most -= 1
                self._audio -= 1
            else:
                kept.append((reply, message))
        self._waiting = kept

    def close(self) -> None:
        """Makes `run` return once everything has been sent."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Sends until `close`, or until the connection fails."""
        while True:
            while self._waiting:
                reply, message = self._waiting.popleft()
                self._audio -= bool(reply)
                if isinstance(message, str):
                    await self._socket.send_text(message)
                else:
                    await self._socket.send_bytes(message)
            if self._closing:
                return
            self._wake.clear()
            await self._wake.wait()
