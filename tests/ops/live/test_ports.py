"""Ports for servers that must be told theirs."""

from __future__ import annotations

import socket

import pytest

from ops.live import ports
from ops.live.ports import FIRST, LAST, free_block, free_port


def test_free_ports_differ_and_stay_below_those_that_the_kernel_hands_out() -> None:
    found = [free_port() for _ in range(10)]
    assert len(set(found)) > 1
    assert all(FIRST <= port <= LAST < 32_768 for port in found)


def test_a_port_for_rtp_is_even() -> None:
    assert not any(free_port(even=True) % 2 for _ in range(10))


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_block_with_a_port_that_is_taken_is_passed_over(
    kind: socket.SocketKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = free_block(6)
    monkeypatch.setattr(ports, "FIRST", first)
    monkeypatch.setattr(ports, "LAST", first + 5)
    with socket.socket(socket.AF_INET, kind) as squatter:
        squatter.bind(("127.0.0.1", first + 2))
        assert {free_block(3) for _ in range(20)} == {first + 3}
