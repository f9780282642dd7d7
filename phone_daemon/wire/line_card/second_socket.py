"""Opens a second UDP socket on one of pjsip's ports, for datagrams that pjsip would mishandle.

Both sockets form an SO_REUSEPORT group, and a classic BPF program, which needs no privilege, decides which of them gets
a datagram (Linux 4.5). Answers sent from the second socket come from the port that was called.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

from phone_daemon.wire.line_card.pin import udp_socket

SO_ATTACH_REUSEPORT_CBPF = 51
_LOAD_LENGTH, _JUMP_AT_LEAST, _RETURN = 0x80, 0x35, 0x06
_THEIRS, _OURS = (_RETURN, 0, 0, 0), (_RETURN, 0, 0, 1)
Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand. Offsets count from the UDP payload."""


def longer_than(size: int) -> tuple[Instruction, ...]:
    """A program that selects datagrams of more than `size` bytes."""
    return (_LOAD_LENGTH, 0, 0, 0), (_JUMP_AT_LEAST, 0, 1, size + 1), _OURS, _THEIRS


def second_socket(port: int, which: Sequence[Instruction]) -> socket.socket | None:
    """Returns a non-blocking socket that gets the datagrams to our socket on `port` that `which` selects. None: that is
    not possible here, and nothing has changed.
    """
    theirs = udp_socket(port)
    if theirs is None:
        return None
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in which)
    room = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(which), ctypes.addressof(room))
    try:
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            ours.bind(theirs.getsockname())
            # Only a group can have a program; until it is set, a datagram may have come to either socket.
            ours.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
    except OSError:
        ours.close()
        return None
    ours.setblocking(False)
    return ours
