"""RTP ports that are free, and ports that are not."""

from __future__ import annotations

import socket

from phone_daemon.wire.line_card.rtp_port import is_free, last_packet


def test_a_port_is_free_when_its_rtcp_port_is_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        port = end.getsockname()[1]
        assert not is_free(port)
        assert not is_free(port - 1)
    assert is_free(port)


def test_the_last_packet_is_known_from_the_first_question_on() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        end.bind(("127.0.0.1", 0))
        port = end.getsockname()[1]
        times = [last_packet(port)]
        for _ in range(2):
            far.sendto(b"x", ("127.0.0.1", port))
            end.recv(10)
            times.append(last_packet(port))
            assert times[-1] == last_packet(port)
        assert times[0] < times[1] < times[2]
    assert last_packet(port) == 0
