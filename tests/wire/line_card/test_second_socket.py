"""Two sockets on one port, each of which gets its own datagrams."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from phone_daemon.wire.line_card.second_socket import longer_than, second_socket


@contextmanager
def udp() -> Iterator[tuple[socket.socket, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
        yield end, end.getsockname()[1]


def received(end: socket.socket) -> list[bytes]:
    """Everything in the queue; on loopback, what was sent is there at once."""
    datagrams = []
    while True:
        try:
            datagrams.append(end.recv(65_535))
        except BlockingIOError:
            return datagrams


def test_datagrams_are_parted_by_their_length() -> None:
    with udp() as (theirs, port), udp() as (sender, _):
        ours = second_socket(port, longer_than(4000))
        assert ours is not None
        for length in (0, 1, 3999, 4000, 4001, 9000, 60_000):
            sender.sendto(bytes(length), ("127.0.0.1", port))
        assert [len(datagram) for datagram in received(theirs)] == [0, 1, 3999, 4000]
        assert [len(datagram) for datagram in received(ours)] == [4001, 9000, 60_000]
        ours.close()
        sender.sendto(bytes(4001), ("127.0.0.1", port))
        assert received(theirs) == [bytes(4001)]


def test_a_port_of_nobodys_has_nothing_beside_it() -> None:
    with udp() as (_, port):
        free = port
    assert second_socket(free, longer_than(4000)) is None
