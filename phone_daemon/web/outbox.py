"""What waits to be sent to one WebSocket: nothing that puts something in ever waits for the client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from fastapi import WebSocket

MOST_AUDIO = 100
"""Frames of audio (2 s) that wait for a slow client; then the oldest are dropped."""
MOST_WAITING = 1000
"""Messages of any kind; a client so far behind is not there any more."""


class Outbox:
    """What waits to be sent. Never waits itself; one task (`run`) sends."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: deque[tuple[int, bytes | str]] = deque()
        """Each with the reply whose audio it is; 0: it is none."""
        self._audio = 0
        self._wake = asyncio.Event()
        self._closing = False
        self.stuck = False
        """Nothing is taken any more."""

    def put(self, message: bytes | str, reply: int = 0) -> None:
        """`reply`: the one whose audio it is."""
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
        """Leaves out up to `most` frames of audio that wait, the oldest first."""
        kept: deque[tuple[int, bytes | str]] = deque()
        for reply, message in self._waiting:
            if reply and most and of_reply(reply):
                most -= 1
                self._audio -= 1
            else:
                kept.append((reply, message))
        self._waiting = kept

    def close(self) -> None:
        """`run` returns when all has been sent."""
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
