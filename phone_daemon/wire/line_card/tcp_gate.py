"""Keeps a flood of TCP connections from the line card, in the kernel.

pjlib aborts when connections come and go faster than it releases their I/O handles: it has 64 of them for all sockets,
and closes each half a second late. So only a limited number of connections is let in at a time; the SYN of another is
dropped, and comes again a second later (RFC 6298). If it is known who may call, nobody else's SYN is let in at all.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import struct
from collections import deque
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network

from phone_daemon.wire.line_card.pin import DESCRIPTORS, SO_ATTACH_FILTER, SO_DETACH_FILTER

MAX_CONNECTIONS = 20
"""Connections that are open, or were opened within `LINGER_S`: with the RTP sockets of four calls, and as many being
closed, this stays under 64."""
LINGER_S = 1.0
BACKLOG = 4
"""Connections that may wait between two ticks."""
_LOAD_WORD, _AND, _JUMP_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_SOURCE_HOST = 0xFFF00000 + 12
"""Offset in the IP header (SKF_NET_OFF)."""
Instruction = tuple[int, int, int, int]
NOBODY: tuple[Instruction, ...] = ((_RETURN, 0, 0, 0),)


def free_port(bind: str) -> int:
    """A port of `bind` that was free a moment ago for both UDP and TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind((bind, 0))
            port = int(udp.getsockname()[1])
            try:
                tcp.bind((bind, port))
            except OSError:
                continue
            return port


class TcpGate:
    """The gate of this process's listening socket on `port`."""

    def __init__(self, port: int) -> None:
        """Raises `RuntimeError` if there is no such socket."""
        found = _listener(port)
        if found is None:
            raise RuntimeError(f"no TCP socket listens on port {port} in this process")
        self.listener = found
        found.listen(BACKLOG)
        self._open: set[int] = set()
        self._opened: deque[float] = deque()
        self._allowed: tuple[Instruction, ...] | None = None
        self._closed = False

    def admit(self, networks: Iterable[str]) -> None:
        """Lets in connections from these networks only."""
        self._allowed = allowing(networks)
        self._apply()

    def opened(self, connection: int, now: float) -> None:
        if connection not in self._open:
            self._open.add(connection)
            self._opened.append(now)
            self.watch(now)

    def closed(self, connection: int) -> None:
        self._open.discard(connection)

    def watch(self, now: float) -> None:
        """Opens or shuts the gate, as needed `now`."""
        while self._opened and self._opened[0] < now - LINGER_S:
            self._opened.popleft()
        full = max(len(self._open), len(self._opened)) >= MAX_CONNECTIONS
        if full is not self._closed:
            self._closed = full
            self._apply()

    def _apply(self) -> None:
        code = NOBODY if self._closed else self._allowed
        if code is None:
            self.listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, struct.pack("@i", 0))
            return
        packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
        room = ctypes.create_string_buffer(packed, len(packed))
        program = struct.pack("@HP", len(code), ctypes.addressof(room))
        self.listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def allowing(networks: Iterable[str]) -> tuple[Instruction, ...]:
    """A classic BPF program that passes only what comes from one of the IPv4 networks."""
    code: list[Instruction] = []
    for text in networks:
        network = ip_network(text, strict=False)
        if isinstance(network, IPv4Network):
            code += (
                (_LOAD_WORD, 0, 0, _SOURCE_HOST),
                (_AND, 0, 0, int(network.netmask)),
                (_JUMP_EQUAL, 0, 1, int(network.network_address)),
                (_RETURN, 0, 0, 0xFFFF),
            )
    return (*code, *NOBODY)


def _listener(port: int) -> socket.socket | None:
    """A duplicate of this process's IPv4 TCP socket that listens on `port`."""
    for entry in DESCRIPTORS.iterdir():
        try:
            if not stat.S_ISSOCK(entry.stat().st_mode):
                continue
            found = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # the directory's own descriptor, closed by now
        if (
            found.family == socket.AF_INET
            and found.type == socket.SOCK_STREAM
            and found.getsockname()[1] == port
            and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        ):
            return found
        found.close()
    return None
