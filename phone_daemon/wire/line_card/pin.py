"""Pins a UDP socket of this process to one sender, in the kernel.

pjmedia switches a stream to anyone who sends six packets in a row, and sends the agent's voice there too. A classic BPF
filter on the socket drops everybody else's packets before pjmedia sees them (Linux, no privilege needed).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import stat
import struct
from pathlib import Path

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
_LOAD_WORD, _LOAD_HALF, _JUMP_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_NET = 0xFFF00000
"""SKF_NET_OFF: offsets from here count from the IP header; others, on a UDP socket, count from the UDP header."""
_SOURCE_HOST = _NET + 12
_SOURCE_PORT = 0
_SSRC = 8 + 8
"""After the UDP header and the fields before the SSRC in an RTP packet (RFC 3550 section 5.1); packets that are too
short fail."""
DESCRIPTORS = Path("/proc/self/fd")


def udp_socket(port: int) -> socket.socket | None:
    """A duplicate of this process's IPv4 UDP socket on `port`; the code that calls this closes it."""
    for entry in DESCRIPTORS.iterdir():
        try:
            if not stat.S_ISSOCK(entry.stat().st_mode):
                continue
            found = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # the directory's own descriptor, closed by now
        if found.type == socket.SOCK_DGRAM and found.family == socket.AF_INET and found.getsockname()[1] == port:
            return found
        found.close()
    return None


def pin(port: int, sender: str, ssrc: int | None = None) -> bool:
    """Lets only packets from `sender` (`a.b.c.d:port`), and RTP with `ssrc` if given, through to our socket on `port`.

    Returns False if that is not possible here.
    """
    host, _, sender_port = sender.rpartition(":")
    from_anywhere = (
        () if ssrc is None else ((_LOAD_WORD, 0, 0, _SSRC), (_JUMP_EQUAL, 0, 1, ssrc), (_RETURN, 0, 0, 0xFFFF))
    )
    instructions = (
        (_LOAD_WORD, 0, 0, _SOURCE_HOST),
        (_JUMP_EQUAL, 0, 3, int.from_bytes(socket.inet_aton(host), "big")),
        (_LOAD_HALF, 0, 0, _SOURCE_PORT),
        (_JUMP_EQUAL, 0, 1, int(sender_port)),
        (_RETURN, 0, 0, 0xFFFF),
        *from_anywhere,
        (_RETURN, 0, 0, 0),
    )
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    room = ctypes.create_string_buffer(code, len(code))
    return _set(port, SO_ATTACH_FILTER, struct.pack("@HP", len(code) // 8, ctypes.addressof(room)))


def unpin(port: int) -> None:
    """Lets everybody's packets through again."""
    _set(port, SO_DETACH_FILTER, struct.pack("@i", 0))


def _set(port: int, option: int, value: bytes) -> bool:
    found = udp_socket(port)
    if found is None:
        return False
    with found, contextlib.suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, option, value)
        return True
    return False
