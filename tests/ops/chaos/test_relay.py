"""The bad network does what it should, in the same way every time."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from ops.chaos.relay import Relay, Weather

COUNT = 1000


async def through(weather: Weather) -> list[int]:
    """Numbers of the packets that arrive, in order of arrival."""
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
    ):
        target.bind(("127.0.0.1", 0))
        target.setblocking(False)
        async with Relay(target.getsockname(), weather) as relay:
            got: list[int] = []
            loop.add_reader(target, lambda: got.append(int.from_bytes(target.recv(16), "big")))
            for at in range(COUNT):
                caller.sendto(at.to_bytes(4, "big"), ("127.0.0.1", relay.port))
                # A socket holds some 270 packets: no more may be under way, however late the loop is.
                await asyncio.sleep(weather.jitter_s + 0.01 if at % 100 == 99 else 0)
            await asyncio.sleep(0.3)
            loop.remove_reader(target)
        return got


async def test_fair_weather_changes_nothing() -> None:
    assert await through(Weather()) == list(range(COUNT))


async def test_packets_are_lost_in_the_share_asked_for_and_the_same_ones_each_time() -> None:
    got = await through(Weather(loss=0.2))
    assert 0.75 * COUNT < len(got) < 0.85 * COUNT
    assert got == await through(Weather(loss=0.2))


async def test_late_packets_keep_their_order() -> None:
    assert await through(Weather(jitter_s=0.05)) == list(range(COUNT))


async def test_packets_are_reordered_and_doubled() -> None:
    got = await through(Weather(reorder=0.05))
    assert got != sorted(got)
    assert sorted(got) == list(range(COUNT))
    got = await through(Weather(duplicate=0.1))
    assert set(got) == set(range(COUNT))
    assert 1.05 * COUNT < len(got) < 1.15 * COUNT


async def test_what_comes_back_goes_to_the_caller() -> None:
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
    ):
        for end in (target, caller):
            end.bind(("127.0.0.1", 0))
            end.setblocking(False)
        async with Relay(target.getsockname(), Weather()) as relay, asyncio.timeout(5):
            caller.sendto(b"there", ("127.0.0.1", relay.port))
            seen: Any = await loop.sock_recvfrom(target, 16)
            assert seen[0] == b"there"
            target.sendto(b"back", seen[1])
            assert await loop.sock_recv(caller, 16) == b"back"
