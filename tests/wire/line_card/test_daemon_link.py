"""The line card's end of the socket to its daemon."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from phone_daemon.events import Digit
from phone_daemon.wire.line_card.daemon_link import MAX_PENDING, MAX_TOGETHER, DaemonLink
from phone_daemon.wire.packets import MAX_PACKET, pack, unpack
from phone_daemon.wire.protocol import AskStats, Flush


@pytest.fixture
def ends() -> Iterator[tuple[DaemonLink, socket.socket]]:
    ours, daemon = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, daemon:
        ours.setblocking(False)
        daemon.setblocking(False)
        yield DaemonLink(ours), daemon


def test_what_is_said_between_two_waits_travels_in_one_packet(ends: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = ends
    for digit in "12":
        link.send(7, Digit(digit))
    link.speak()
    assert unpack(daemon.recv(MAX_PACKET)) == [(7, Digit("1")), (7, Digit("2"))]
    for _ in range(MAX_TOGETHER):
        link.send(7, Digit("3"))
    assert len(unpack(daemon.recv(MAX_PACKET))) == MAX_TOGETHER


def test_a_daemon_that_does_not_read_loses_frames_and_nothing_else(ends: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = ends
    said = 0
    while not link.lost:
        link.send_frame(1, said, bytes(320), b"", 0, 0, 0)
        link.speak()
        said += 1
    link.send(1, Digit("9"))
    assert link.waiting
    read = 0
    while link.waiting or read < said:
        link.speak()
        try:
            read += len(unpack(daemon.recv(MAX_PACKET)))
        except BlockingIOError:
            break
    assert said > MAX_PENDING
    assert read == said - link.lost + 1


def test_commands_come_in_order_and_the_end_is_noticed(ends: tuple[DaemonLink, socket.socket]) -> None:
    link, daemon = ends
    daemon.send(pack(0, AskStats()) + pack(3, Flush(2)))
    daemon.send(pack(4, Flush(1)))
    assert list(link.receive()) == [(0, AskStats()), (3, Flush(2)), (4, Flush(1))]
    assert not link.closed
    daemon.close()
    assert list(link.receive()) == []
    assert link.closed
    link.send(1, Digit("1"))
    link.speak()
