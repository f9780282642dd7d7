"""Whether an RTP port can be had."""

from __future__ import annotations

import socket


def is_free(port: int, bind: str = "0.0.0.0") -> bool:
    """Nobody on this machine holds UDP `port` or the one above it, which is its RTCP's (RFC 3550 section 11)."""
    for each in (port, port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            try:
                end.bind((bind, each))
            except OSError:
                return False
    return True
