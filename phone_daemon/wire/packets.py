"""Packs the messages between the daemon and a line card (`protocol.py`) into packets on a `SOCK_SEQPACKET` pair.

A message consists of its type, the call that it is about (0: the card itself), the value's fields in the order of their
declaration (numbers, and the length of each text or audio), and then the texts and audio. A packet holds one or more
messages: a card reports 20 ms of all its calls at once, so the daemon wakes up only once. Both ends run on one machine
from one checkout, so there is no version to negotiate. A malformed packet is a bug or comes from a stranger, and raises
`WireError`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from phone_daemon.events import EndReason, Frame
from phone_daemon.wire.protocol import Message

MAX_PACKET = 65_536
"""The most bytes in a packet."""


class WireError(ValueError):
    """A packet that is not of this protocol."""


_FORMAT = {int: "q", float: "d", bool: "?", str: "I", bytes: "I", EndReason: "I"}


class _Codec:
    """Packs one type of value."""

    def __init__(self, number: int, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        self.number = number
        self.kind = kind
        self.types = [hints[each.name] for each in fields(kind)]
        self.names = [each.name for each in fields(kind)]
        self.head = struct.Struct("<BI" + "".join(_FORMAT[of] for of in self.types))
        self.tails: list[tuple[int, Callable[[bytes], Any]]] = [
            (at, _TEXT[of]) for at, of in enumerate(self.types) if of in _TEXT
        ]

    def pack(self, call: int, value: Any) -> bytes:
        values = [getattr(value, name) for name in self.names]
        tail = []
        for at, decode in self.tails:
            data = values[at] if decode is bytes else values[at].encode()
            values[at] = len(data)
            tail.append(data)
        return b"".join((self.head.pack(self.number, call, *values), *tail))

    def unpack(self, packet: bytes, start: int) -> tuple[int, Any, int]:
        """Returns the call, the value, and where it ends."""
        _, call, *values = self.head.unpack_from(packet, start)
        start += self.head.size
        for at, decode in self.tails:
            end = start + values[at]
            if end > len(packet):
                raise ValueError(f"{len(packet)} bytes where {end} were announced")
            values[at] = decode(packet[start:end])
            start = end
        return call, self.kind(*values), start


_TEXT: dict[Any, Callable[[bytes], Any]] = {
    bytes: bytes,
    str: bytes.decode,
    EndReason: lambda data: EndReason(data.decode()),
}
_CODECS = [_Codec(number, kind) for number, kind in enumerate(get_args(Message))]
_BY_KIND = {codec.kind: codec for codec in _CODECS}


def pack(call: int, message: Message) -> bytes:
    """Packs `message` about `call` (0 to 2**32 - 1). Several results may be joined, up to `MAX_PACKET` bytes."""
    return _BY_KIND[type(message)].pack(call, message)


_FRAME = _BY_KIND[Frame]


def pack_frame(  # noqa: PLR0917 (as fast as can be)
    call: int, position: int, pcm: bytes, agent: bytes, reply: int, played: int, queued: int
) -> bytes:
    """Does the same as `pack(call, Frame(…))`, but faster, because this message is sent 50 times a second per call."""
    head = _FRAME.head.pack(_FRAME.number, call, position, len(pcm), len(agent), reply, played, queued)
    return head + pcm + agent


def receive(sock: socket.socket) -> bytes | None:
    """The next packet from a non-blocking socket; None if there is none now, empty if the other side is gone."""
    try:
        return sock.recv(MAX_PACKET)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def unpack(packet: bytes) -> list[tuple[int, Message]]:
    """The messages in `packet`, each with its call. Raises `WireError` for a malformed packet."""
    messages: list[tuple[int, Message]] = []
    start = 0
    try:
        while start < len(packet):
            call, message, start = _CODECS[packet[start]].unpack(packet, start)
            messages.append((call, message))
    except (IndexError, struct.error, ValueError) as error:
        raise WireError(f"malformed line card packet of {len(packet)} bytes, at {start}: {error}") from error
    return messages
