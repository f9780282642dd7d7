"""Cuts what comes by TCP into messages before pjsip gets it, because pjsip would truncate a long message and misread
the next.

pjsip keeps the descriptor of each connection, and we put one end of a socket pair in its place: for pjsip nothing has
changed, and everything on the connection passes through here (at each tick) both ways.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from dataclasses import dataclass, field
from typing import Protocol

from phone_daemon.wire.line_card.long_message import ROOM
from phone_daemon.wire.line_card.pin import DESCRIPTORS

MAX_MESSAGE = 65_535
"""Longest message that is taken, in bytes (RFC 3261 section 18.1.1)."""
MAX_SKIPPED = 10_000_000
"""A longer body is not awaited; its connection is closed."""
_CHUNK = 65_536
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,12})", re.IGNORECASE | re.MULTILINE)


class LongOnes(Protocol):
    """Handles messages that are too long for pjsip."""

    def fit(self, message: bytes, /) -> tuple[bytes, bytes]:
        """Returns the message that pjsip gets instead, and the answer to the sender; either may be empty."""

    def refuse(self, message: bytes, /) -> bytes:
        """The answer to the sender of a message that begins this way."""


class Framing:
    """One direction of a connection (RFC 3261 section 18.3)."""

    def __init__(self, long: LongOnes) -> None:
        self._long = long
        self._buffer = bytearray()
        self._skip = 0
        self._looked = self._size = 0
        """For the first message in the buffer: the bytes searched without finding the end of its head, and its length
        once known."""
        self.broken = False
        """Whether the beginning of the next message can no longer be determined."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Takes what came; returns the complete messages for pjsip, and the answer to the sender."""
        self._buffer += data
        taken, answers = bytearray(), bytearray()
        while self._buffer and not self.broken:
            if self._skip:
                skipped = min(self._skip, len(self._buffer))
                del self._buffer[:skipped]
                self._skip -= skipped
                continue
            # Between two messages: keep-alives (RFC 5626 section 4.4.1), which pjsip answers.
            if self._buffer[0] in b"\r\n":
                life = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
                taken += self._buffer[:life]
                del self._buffer[:life]
                continue
            size = self._size or self._measure()
            if not size or MAX_MESSAGE >= size > len(self._buffer):
                break
            if size > MAX_MESSAGE:
                answers += self._long.refuse(bytes(self._buffer[: self._looked]))
                self._skip = size
            else:
                message = bytes(self._buffer[:size])
                del self._buffer[:size]
                short, answer = self._long.fit(message) if size > ROOM else (message, b"")
                taken += short
                answers += answer
            self._size = self._looked = 0
        return bytes(taken), bytes(answers)

    def _measure(self) -> int:
        """Length in bytes of the first message in the buffer; 0 if it is not yet known."""
        end = self._buffer.find(b"\n\r\n", max(self._looked - 2, 0)) + 3
        self._looked = end if end >= 3 else len(self._buffer)
        if end >= 3:
            found = _LENGTH.search(self._buffer, 0, end)
            self._size = end + int(found[1] if found else 0)
        elif self._looked > MAX_MESSAGE:
            self._size = self._looked
        self.broken = self._size > MAX_SKIPPED or (end < 3 and self._size > 0)
        return self._size


@dataclass(slots=True)
class _Stream:
    far: socket.socket
    """The connection itself."""
    near: socket.socket
    """pjsip is at the other end."""
    framing: Framing
    to_far: bytearray = field(default_factory=bytearray)
    to_near: bytearray = field(default_factory=bytearray)
    ends: bool = False

    def pump(self) -> bool:
        """Passes on what has come; returns False once the connection is over."""
        if not self.ends:
            data = _read(self.far) if len(self.to_near) < _CHUNK else b""
            self.ends = data is None
            taken, answers = self.framing.feed(data or b"")
            self.to_near += taken
            self.to_far += answers
        said = _read(self.near) if len(self.to_far) < _CHUNK else b""
        self.to_far += said or b""
        for end, waiting in ((self.far, self.to_far), (self.near, self.to_near)):
            try:
                del waiting[: end.send(waiting) if waiting else 0]
            except BlockingIOError:
                continue
            except OSError:
                return False
        over = self.ends and not self.to_near
        return not (over or said is None or (self.framing.broken and not self.to_far))

    @property
    def peer(self) -> tuple[str, int]:
        try:
            host, port, *_ = self.far.getpeername()
        except OSError:
            return "", 0
        return host, port

    def close(self) -> None:
        self.far.close()
        self.near.close()


class TcpStreams:
    """All TCP connections of this process, which belong to pjsip."""

    def __init__(self, long: LongOnes) -> None:
        self._long = long
        self._streams: list[_Stream] = []

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets to wait for."""
        return [end for stream in self._streams for end in (stream.far, stream.near)]

    def adopt(self) -> None:
        """Steps into new connections. Call this before pjsip has read from them."""
        for entry in DESCRIPTORS.iterdir():
            number = int(entry.name)
            try:
                if not stat.S_ISSOCK(entry.stat().st_mode):
                    continue
                far = socket.socket(fileno=os.dup(number))
            except OSError:
                continue  # the directory's own descriptor, closed by now
            if far.family in (socket.AF_INET, socket.AF_INET6) and _is_connected(far) and not self._knows(far):
                near, theirs = socket.socketpair()
                with theirs:
                    for end in (far, near, theirs):
                        end.setblocking(False)
                    os.dup2(theirs.fileno(), number, inheritable=False)
                self._streams.append(_Stream(far, near, Framing(self._long)))
            else:
                far.close()

    def _knows(self, connection: socket.socket) -> bool:
        inode = os.fstat(connection.fileno()).st_ino
        return any(os.fstat(stream.far.fileno()).st_ino == inode for stream in self._streams)

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        """Sends `data` on the connection from `peer`, between two messages of pjsip's; nothing if it is over."""
        for stream in self._streams:
            if stream.peer == peer:
                stream.to_far += data

    def pump(self) -> None:
        """Passes on what has come, both ways; never waits."""
        for stream in [stream for stream in self._streams if not stream.pump()]:
            self._streams.remove(stream)
            stream.close()


def _is_connected(end: socket.socket) -> bool:
    if end.type != socket.SOCK_STREAM:
        return False
    try:
        end.getpeername()
    except OSError:
        return False
    return True


def _read(end: socket.socket) -> bytes | None:
    """Returns what has come; None if the other side has closed."""
    try:
        return end.recv(_CHUNK) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None
