"""The open channels of one host: numbers, what arrives, and what an engine's end does to them."""

from __future__ import annotations

import pytest

from sidecars.host.channels import Channels
from sidecars.host.host import HostLost, Message


def channels() -> tuple[Channels, list[tuple[int, Message, bytes]]]:
    sent: list[tuple[int, Message, bytes]] = []
    return Channels(lambda *letter: sent.append(letter)), sent


async def test_each_channel_gets_its_own_messages() -> None:
    opened, sent = channels()
    one, two = opened.open(16_000), opened.open(16_000)
    two.send({"type": "Audio"}, b"ab")
    opened.put(one.number, {"type": "Done"}, b"")
    opened.put(two.number, {"type": "Partial"}, b"x")
    assert sent == [(two.number, {"type": "Audio"}, b"ab")] and one.number != two.number
    assert await one.receive() == ({"type": "Done"}, b"")
    assert await two.receive() == ({"type": "Partial"}, b"x")


async def test_what_comes_for_a_closed_channel_is_ignored() -> None:
    opened, _ = channels()
    opened.put(7, {"type": "Done"}, b"")
    assert not opened


async def test_an_engine_that_ends_loses_every_channel_once_what_came_is_read() -> None:
    opened, sent = channels()
    one, two = opened.open(8_000), opened.open(8_000)
    opened.put(one.number, {"type": "Done"}, b"")
    opened.lose("it died")
    assert not opened
    assert await one.receive() == ({"type": "Done"}, b"")
    for channel in (one, two):
        with pytest.raises(HostLost, match="it died"):
            await channel.receive()
        channel.send({"type": "Audio"})
    assert not sent


async def test_a_channel_of_an_engine_that_is_down_is_lost_at_once_and_not_kept() -> None:
    opened, _ = channels()
    channel = opened.open(8_000, down="it does not run")
    with pytest.raises(HostLost, match="it does not run"):
        await channel.receive()
    assert not opened and opened.open(8_000).number > channel.number
