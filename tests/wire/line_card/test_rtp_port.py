"""RTP ports that can be had, and ports that cannot."""

from __future__ import annotations

import socket

from phone_daemon.wire.line_card.rtp_port import is_free


def test_a_port_is_free_when_its_rtcp_port_is_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        port = end.getsockname()[1]
        assert not is_free(port)
        assert not is_free(port - 1)
    assert is_free(port)
