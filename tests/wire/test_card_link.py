"""The daemon's end of the socket to a line card, with a real socket and nobody behind it."""

from __future__ import annotations

import asyncio
import socket

from phone_daemon.events import Digit
from phone_daemon.wire.card_link import CardLink
from phone_daemon.wire.packets import MAX_PACKET, pack, unpack
from phone_daemon.wire.protocol import Message, Play


class Card:
    """The other end, and what the link has told."""

    def __init__(self) -> None:
        ours, self.sock = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.sock.setblocking(False)
        self.told: list[tuple[int, Message] | str] = []
        self.link = CardLink(ours, lambda *message: self.told.append(message), lambda: self.told.append("ended"))

    def received(self) -> list[tuple[int, Message]]:
        found: list[tuple[int, Message]] = []
        while True:
            try:
                found += unpack(self.sock.recv(MAX_PACKET))
            except BlockingIOError:
                return found


async def test_what_the_socket_has_no_room_for_waits_and_arrives_in_order() -> None:
    card = Card()
    for number in range(2000):
        card.link.send(number, Play(1, bytes(1600)))
    assert card.link.waiting
    arrived: list[int] = []
    async with asyncio.timeout(10):
        while card.link.waiting:
            arrived += [call for call, _ in card.received()]
            await asyncio.sleep(0)
    arrived += [call for call, _ in card.received()]
    assert arrived == list(range(2000))
    card.link.close()
    card.sock.close()


async def test_a_card_that_is_gone_is_told_once_and_after_its_last_word() -> None:
    card = Card()
    card.sock.send(pack(7, Digit("5")))
    card.sock.close()
    async with asyncio.timeout(10):
        while card.link.open:  # noqa: ASYNC110 (`ended` is the event, and its being told is what is tested)
            await asyncio.sleep(0)
    card.link.send(7, Play(1, b""))
    card.link.close()
    assert card.told == [(7, Digit("5")), "ended"]


async def test_closing_takes_what_had_come_and_no_more() -> None:
    card = Card()
    card.sock.send(pack(7, Digit("5")))
    card.link.close()
    assert card.told == [(7, Digit("5")), "ended"]
    card.sock.close()
