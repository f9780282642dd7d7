"""The daemon's end of the socket to a line card; the card's end is `line_card/daemon_link.py`.

One callback reads the socket until it is empty.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from phone_daemon.wire import packets, protocol


class CardLink:
    """Owns `sock`, which is non-blocking and of type `SOCK_SEQPACKET`."""

    def __init__(
        self, sock: socket.socket, take: Callable[[int, protocol.Message], None], ended: Callable[[], None]
    ) -> None:
        """`take` gets each message with its call; `ended` is called once, when the card is gone or `close` is called,
        after the last message."""
        self.open = True
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._take = take
        self._ended = ended
        self._backlog: deque[bytes] = deque()
        self._loop.add_reader(sock, self._read)

    @property
    def waiting(self) -> int:
        """Commands that the socket had no room for yet."""
        return len(self._backlog)

    def send(self, call: int, command: protocol.Command) -> None:
        """Sends a command to the card, unless it is gone; never blocks."""
        if not self.open:
            return
        self._backlog.append(packets.pack(call, command))
        if len(self._backlog) == 1:
            self._write()

    def close(self) -> None:
        """Reads the card's last messages, and ends. Idempotent."""
        self._read()
        self._end()

    def _write(self) -> None:
        try:
            while self._backlog:
                self._sock.send(self._backlog[0])
                self._backlog.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._sock, self._write)
            return
        except OSError:
            # The reader will get the card's last messages, and then the end.
            self._backlog.clear()
        self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        while self.open and (packet := packets.receive(self._sock)) is not None:
            if not packet:
                self._end()
            for call, message in packets.unpack(packet):
                self._take(call, message)

    def _end(self) -> None:
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        self._ended()
