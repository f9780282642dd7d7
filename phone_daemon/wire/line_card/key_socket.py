"""A call's DTMF by RTP (RFC 4733), read beside pjmedia.

pjmedia identifies a press by its event and its duration. So it takes two presses of one key for one if only their last
packets arrive, or if a gateway writes no durations.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from phone_daemon.wire.line_card.beside import beside, payload_type
from phone_daemon.wire.telephone_event import KeyPresses, parse


class KeySocket:
    """`believes(sender, ssrc)` says whether a packet from `sender` (`host:port`) is the caller's."""

    def __init__(self, believes: Callable[[str, int], bool]) -> None:
        self._believes = believes
        self._presses = KeyPresses()
        self._socket: socket.socket | None = None
        self._for = (0, 0)

    def listen(self, port: int, payload_type_number: int) -> bool:
        """Diverts the events of a payload type that come to our RTP `port`. False: pjmedia keeps them."""
        if self._for != (port, payload_type_number):
            self.close()
            self._socket = beside(port, payload_type(payload_type_number))
            if self._socket is not None:
                self._for = port, payload_type_number
        return self._socket is not None

    @property
    def active(self) -> bool:
        """Whether the call's keys bypass pjmedia."""
        return self._socket is not None

    def read(self) -> Iterator[str]:
        """The keys pressed since the last call; an empty text for a packet without a new one."""
        while self._socket is not None:
            try:
                packet, (host, port, *_) = self._socket.recvfrom(256)
            except OSError:
                return
            event = parse(packet) if packet[1:2] and packet[1] & 0x7F == self._for[1] else None
            if event is not None and self._believes(f"{host}:{port}", event.ssrc):
                yield self._presses.feed(event)

    def close(self) -> None:
        """Closes the socket at the end of the call, so that its port is free for the next. Idempotent."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._for = None, (0, 0)
