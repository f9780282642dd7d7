"""SIP over TCP: the same port as UDP, and a flood of connections that costs no call."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.line_card.tcp_gate import MAX_CONNECTIONS, TcpGate, allowing, free_port
from phone_daemon.wire.sip import LineCard
from tests.wire.calls import card, connect, two_cards


def listener() -> socket.socket:
    end = socket.socket()
    end.bind(("127.0.0.1", 0))
    end.listen()
    return end


def connects(port: int, source: str = "127.0.0.1") -> bool:
    with socket.socket() as client:
        client.bind((source, 0))
        client.settimeout(0.3)
        try:
            client.connect(("127.0.0.1", port))
        except TimeoutError:
            return False
        return True


def test_only_so_many_connections_are_let_in_at_a_time() -> None:
    with listener() as end:
        port = end.getsockname()[1]
        gate = TcpGate(port)
        assert connects(port)
        for number in range(MAX_CONNECTIONS):
            gate.opened(number, 100.0)
        assert not connects(port)
        for number in range(MAX_CONNECTIONS):
            gate.closed(number)
        gate.watch(100.5)
        assert not connects(port), "their handles are not given back yet"
        gate.watch(101.5)
        assert connects(port)


def test_connections_that_come_and_go_count_as_well() -> None:
    with listener() as end:
        port = end.getsockname()[1]
        gate = TcpGate(port)
        for number in range(MAX_CONNECTIONS):
            gate.opened(number, 100.0 + number / 100)
            gate.closed(number)
        assert not connects(port)


def test_whoever_may_not_call_may_not_connect() -> None:
    with listener() as end:
        port = end.getsockname()[1]
        gate = TcpGate(port)
        gate.admit(["127.0.0.7", "127.1.0.0/16"])
        assert [connects(port, source) for source in ("127.0.0.7", "127.1.2.3", "127.0.0.8")] == [True, True, False]
        gate.admit([])
        assert not connects(port, "127.0.0.7")


def test_a_port_that_nobody_listens_on_has_no_gate() -> None:
    with pytest.raises(RuntimeError, match="no TCP socket"):
        TcpGate(free_port("127.0.0.1"))


def test_networks_of_ipv6_are_no_filter_for_ipv4() -> None:
    assert allowing(["2001:db8::/32"]) == allowing([])


async def flood(port: int, count: int) -> int:
    """Connects and closes as fast as possible; returns how often."""
    done = 0
    for _ in range(count):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.05):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            done += 1
        await asyncio.sleep(0.002)
    return done


@pytest.mark.long
async def test_a_flood_of_connections_costs_no_call() -> None:
    """Without the gate the card aborts at the seventieth."""
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs)
        assert await flood(ours.port, 300) >= MAX_CONNECTIONS
        await there.ticks(20)
        assert ours.alive
        assert not [event for event in here.told if type(event).__name__ == "LineClosed"]
        here.line.hang_up()
        await there.closed()


async def test_tcp_is_the_same_port_and_may_be_left_out() -> None:
    async with card() as both, card(SipSettings(port=0, transports=("udp",))) as udp:
        assert connects(both.port)
        with pytest.raises(ConnectionRefusedError):
            connects(udp.port)


async def test_a_card_takes_its_port_again_though_connections_were_open() -> None:
    async with card() as first:
        port = first.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # The card's end closes what it accepted, and the kernel remembers that for a minute.
        await asyncio.sleep(0.1)
    await reader.read()
    writer.close()
    second = await LineCard.start(SipSettings(port=port))
    await second.close()
