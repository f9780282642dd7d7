"""A UDP socket that accepts only one sender."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

from phone_daemon.wire.line_card.pin import pin, udp_socket, unpin


def bound(stack: contextlib.ExitStack) -> tuple[socket.socket, str]:
    end = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    end.bind(("127.0.0.1", 0))
    end.settimeout(2.0)
    return end, f"127.0.0.1:{end.getsockname()[1]}"


def test_only_the_pinned_sender_is_heard_until_it_is_unpinned() -> None:
    with contextlib.ExitStack() as stack:
        (ear, here), (caller, address), (stranger, _) = bound(stack), bound(stack), bound(stack)
        port = int(here.rpartition(":")[2])
        assert pin(port, address)
        for sender, word in ((stranger, b"no"), (caller, b"yes"), (stranger, b"no"), (caller, b"again")):
            sender.sendto(word, ear.getsockname())
        assert [ear.recv(16), ear.recv(16)] == [b"yes", b"again"]
        unpin(port)
        stranger.sendto(b"now", ear.getsockname())
        assert ear.recv(16) == b"now"


def test_one_rtp_stream_may_come_from_anywhere_when_it_is_named() -> None:
    def packet(ssrc: int, word: bytes) -> bytes:
        return struct.pack("!BBHII", 0x80, 0, 1, 2, ssrc) + word

    with contextlib.ExitStack() as stack:
        (ear, here), (caller, address), (elsewhere, _) = bound(stack), bound(stack), bound(stack)
        assert pin(int(here.rpartition(":")[2]), address, 0xFEDCBA98)
        elsewhere.sendto(packet(0xFEDCBA97, b"no"), ear.getsockname())
        elsewhere.sendto(b"short", ear.getsockname())
        elsewhere.sendto(packet(0xFEDCBA98, b"yes"), ear.getsockname())
        caller.sendto(packet(1, b"caller"), ear.getsockname())
        assert [ear.recv(32)[12:], ear.recv(32)[12:]] == [b"yes", b"caller"]


def test_looking_for_a_socket_leaves_no_descriptor_behind() -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    unpin(1)
    assert len(list(descriptors.iterdir())) == before


def test_pinning_a_port_that_is_not_ours_says_so() -> None:
    with contextlib.ExitStack() as stack:
        _, address = bound(stack)
        port = int(address.rpartition(":")[2])
    assert udp_socket(port) is None
    assert not pin(port, address)
    unpin(port)
