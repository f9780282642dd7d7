"""The line card's end of the socket to its daemon: many messages in a packet, and it never waits for the reader."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

from phone_daemon.events import WideFrame
from phone_daemon.wire import packets, protocol

MAX_PENDING = 500
"""Packets kept for a daemon that does not read (ten seconds); after that, callers' frames are lost."""
MAX_TOGETHER = 24
"""Messages in one packet: 24 wideband frames are three quarters of `packets.MAX_PACKET`."""


class DaemonLink:
    """`sock` is non-blocking, of type `SOCK_SEQPACKET`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False
        """Whether the daemon is gone."""
        self.lost = 0
        """Callers' frames that the daemon was too slow to take."""
        self._saying: list[bytes] = []
        self._pending: deque[bytes] = deque()

    @property
    def waiting(self) -> bool:
        """Whether there is something to send once the socket has room."""
        return bool(self._pending)

    def send(self, call: int, message: protocol.Report) -> None:
        """Queues a message for the daemon, to go with the next `speak`."""
        self._say(packets.pack(call, message))

    def send_frame(self, call: int, *fields: Any) -> None:
        """`send(call, Frame(*fields))`; dropped when the daemon does not read."""
        if len(self._pending) >= MAX_PENDING:
            self.lost += 1
        else:
            self._say(packets.pack_frame(call, *fields))

    def send_wide_frame(self, call: int, *fields: Any) -> None:
        """`send(call, WideFrame(*fields))`; dropped like any frame."""
        if len(self._pending) >= MAX_PENDING:
            self.lost += 1
        else:
            self._say(packets.pack(call, WideFrame(*fields)))

    def _say(self, packed: bytes) -> None:
        self._saying.append(packed)
        if len(self._saying) >= MAX_TOGETHER:
            self.speak()

    def speak(self) -> None:
        """Sends what is queued, as far as the socket has room."""
        if self._saying:
            self._pending.append(b"".join(self._saying))
            self._saying.clear()
        try:
            while self._pending:
                self.sock.send(self._pending[0])
                self._pending.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True

    def receive(self) -> Iterator[tuple[int, protocol.Message]]:
        """The daemon's messages, each with its call. Raises `WireError`."""
        while (packet := packets.receive(self.sock)) is not None:
            if not packet:
                self.closed = True
                return
            yield from packets.unpack(packet)
