"""Free ports of 127.0.0.1, for servers that must be told theirs before they start.

They are chosen below the ports that the kernel hands out (32,768 and up on Linux). Otherwise any program's socket, such
as a call's RTP, could take one between the choice and its use, or while a server is being restarted.
"""

from __future__ import annotations

import functools
import random
import socket
from contextlib import ExitStack

FIRST, LAST = 10_000, 19_999
RTP_FIRST, RTP_BLOCK, RTP_BLOCKS = 20_000, 512, 19
_CHOICE = random.SystemRandom()
"""Not seeded: processes that run side by side must not choose the same ports."""


def free_port(*, even: bool = False) -> int:
    """A port that was free a moment ago, for both UDP and TCP; an even one for RTP."""
    return free_block(1, even=even)


def free_block(count: int, *, even: bool = False) -> int:
    """The first of this many consecutive ports that were free a moment ago, for both UDP and TCP."""
    while True:
        first = _CHOICE.randrange(FIRST, LAST + 2 - count, 2 if even else 1)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


@functools.cache
def rtp_ports() -> str:
    """A range for this process's media relay that no other process of ours uses: two rtpengines share a port without an
    error, and take each other's packets. Raises `RuntimeError` if there is none.
    """
    for at in _CHOICE.sample(range(RTP_BLOCKS), RTP_BLOCKS):
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0phone-daemon rtp ports {at}")
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        first = RTP_FIRST + at * RTP_BLOCK
        return f"{first}-{first + RTP_BLOCK - 1}"
    raise RuntimeError(f"all {RTP_BLOCKS} ranges of RTP ports are in use")


_marks: list[socket.socket] = []
"""Held until this process ends."""
