"""Whether an RTP port can be had, and whether anything comes to it."""

from __future__ import annotations

import fcntl
import socket
import struct

from phone_daemon.wire.line_card.pin import udp_socket

_SIOCGSTAMP = 0x8906
"""Linux: when the last packet that was read from the socket had come; kept from the first question on."""


def is_free(port: int, bind: str = "0.0.0.0") -> bool:
    """Nobody on this machine holds UDP `port` or the one above it, which is its RTCP's (RFC 3550 section 11)."""
    for each in (port, port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            try:
                end.bind((bind, each))
            except OSError:
                return False
    return True


def last_packet(port: int) -> float:
    """When (Unix time) the last packet came to our UDP socket on `port`.

    0 when none has come since it was first asked, or there is no such socket.
    """
    found = udp_socket(port)
    if found is None:
        return 0.0
    with found:
        try:
            seconds, microseconds = struct.unpack("@ll", fcntl.ioctl(found, _SIOCGSTAMP, bytes(16)))
        except OSError:
            return 0.0
    return float(seconds + microseconds / 1e6)
