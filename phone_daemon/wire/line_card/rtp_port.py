"""Whether an RTP port is available, and whether anything comes to it."""

from __future__ import annotations

import fcntl
import socket
import struct

from phone_daemon.wire.line_card.pin import udp_socket

_SIOCGSTAMP = 0x8906
"""Linux: the arrival time of the last packet that was read from the socket; recorded from the first query on."""


def is_free(port: int, bind: str = "0.0.0.0") -> bool:
    """Whether nobody on this machine holds UDP `port` or the next port up, which is its RTCP port (RFC 3550 section
    11)."""
    for each in (port, port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            try:
                end.bind((bind, each))
            except OSError:
                return False
    return True


def last_packet(port: int) -> float:
    """Arrival time (Unix time) of the last packet at our UDP socket on `port`.

    Returns 0 if none has come since the first query, or there is no such socket.
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
