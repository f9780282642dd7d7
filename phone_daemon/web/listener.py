"""The socket on which the web process listens."""

from __future__ import annotations

import errno
import socket

WAITING = 512
"""The most connections that wait to be accepted."""


def listen(bind: str, port: int) -> socket.socket:
    """Listens on an IPv4 or IPv6 address. Raises `OSError`, whose message says which address and what to do."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    # Named as TCP, because asyncio switches Nagle's algorithm off only then: with it, an answer's body waits for the
    # client to acknowledge the head, 40 ms later.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bind, port))
        listener.listen(WAITING)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        remedy = (
            f"stop what holds it (`ss -ltnp`), or set another port than {port} under [web]"
            if error.errno == errno.EADDRINUSE
            else "set another bind or port under [web]"
        )
        raise OSError(error.errno, f"{bind} port {port}: {error.strerror}; {remedy}") from None
    return listener
