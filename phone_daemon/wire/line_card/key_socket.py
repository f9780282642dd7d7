"""A call's DTMF by RTP (RFC 4733), read beside pjmedia.

pjmedia knows a press by its event and its duration: two presses of one key of which only the last packets arrive are
one to it, as is a key that is pressed twice by a gateway that writes no durations.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from phone_daemon.wire.line_card.beside import beside, payload_type
from phone_daemon.wire.line_card.telephone_event import KeyPresses, parse


class KeySocket:
    """`believes(sender, ssrc)` says whether a packet from there (`host:port`) is the caller's."""

    def __init__(self, believes: Callable[[str, int], bool]) -> None:
        self._believes = believes
        self._presses = KeyPresses()
        self._socket: socket.socket | None = None
        self._for = (0, 0)

    def listen(self, port: int, payload_type_number: int) -> bool:
        """Takes events of a payload type out of what comes to our RTP `port`. False: pjmedia keeps them."""
        if self._for != (port, payload_type_number):
            self.close()
            self._socket = beside(port, payload_type(payload_type_number))
            if self._socket is not None:
                self._for = port, payload_type_number
        return self._socket is not None

    @property
    def active(self) -> bool:
        """pjmedia sees none of the call's keys."""
        return self._socket is not None

    def read(self) -> Iterator[str]:
        """The keys pressed since the last time; an empty text for a packet that tells of no new one."""
        while self._socket is not None:
            try:
                packet, (host, port, *_) = self._socket.recvfrom(256)
            except OSError:
                return
            event = parse(packet) if packet[1:2] and packet[1] & 0x7F == self._for[1] else None
            if event is not None and self._believes(f"{host}:{port}", event.ssrc):
                yield self._presses.feed(event)

    def close(self) -> None:
        """Harmless when done twice. At the end of the call, or its port is not free for the next."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._for = None, (0, 0)
