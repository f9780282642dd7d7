"""Several line cards as one: ports, replacement, and calls on any card with free capacity."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack

import pytest

from ops.live.ports import free_block
from ops.witness.probe import Probe, Refused
from phone_daemon.events import EndReason
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import LineCards, PortInUse
from tests.wire.calls import PATIENCE_S, Ear, card


@pytest.mark.long
async def test_cards_take_consecutive_ports_and_their_calls_come_in_together() -> None:
    port = free_block(2, even=True)
    async with LineCards(SipSettings(port=port, cards=2)) as cards, card() as phone:
        assert cards.ports == (port, port + 1)
        assert (cards.alive, cards.max_calls) == (2, 8)
        incoming = cards.incoming()
        async with asyncio.timeout(PATIENCE_S):
            for at in cards.ports:
                placing = asyncio.create_task(phone.place(f"sip:{at}@127.0.0.1:{at}"))
                call = await anext(incoming)
                assert call.called == str(at)
                call.answer()
                await placing
            ours = asyncio.create_task(cards.place(f"sip:1@127.0.0.1:{phone.port}"))
            (await phone.incoming.get()).answer()
            await ours
        assert [stats.calls for stats in await cards.stats()] == [2, 1]


async def test_no_call_leaves_the_range_of_rtp_ports_however_many_come() -> None:
    first = free_block(8, even=True)
    async with LineCards(SipSettings(port=0, rtp_ports=f"{first}-{first + 7}")) as cards, AsyncExitStack() as calls:
        incoming, ports = cards.incoming(), []
        for at in range(10):
            probe = await calls.enter_async_context(Probe(f"sip:1@127.0.0.1:{cards.ports[0]}"))
            line = (await anext(incoming)).answer()
            await probe.answered()
            assert probe.rtp.target is not None
            ports.append(probe.rtp.target[1])
            if at >= 3:  # From the fourth on every port is in use, and each call after it finds the one left free.
                line.hang_up()
                await probe.ended()
                while (await cards.stats())[0].calls > 3:
                    pass
        assert ports[:4] == [first, first + 2, first + 4, first + 6]
        assert set(ports[4:]) == {first + 6}


async def test_a_dead_card_is_replaced_and_the_others_notice_nothing() -> None:
    async with LineCards(SipSettings(port=0, cards=1)) as cards, card() as phone:
        dead, port, incoming = cards.pids[0], cards.ports[0], cards.incoming()
        for attempt in range(2):
            placing = asyncio.create_task(phone.place(f"sip:{attempt}@127.0.0.1:{port}"))
            ear = Ear((await anext(incoming)).answer())
            await placing
            await ear.ticks(3)
            if attempt == 0:
                os.kill(dead, signal.SIGKILL)
                assert (await ear.closed()).reason is EndReason.LINE_CARD_DIED
                async with asyncio.timeout(PATIENCE_S):
                    while not cards.alive:  # noqa: ASYNC110 (a supervisor tells nobody)
                        await asyncio.sleep(0.01)
        assert cards.ports == (port,)
        assert cards.pids[0] != dead


async def test_when_one_card_cannot_start_none_is_left_behind() -> None:
    port = free_block(2, even=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", port + 1))
        with pytest.raises(PortInUse, match=str(port + 1)):
            async with LineCards(SipSettings(port=port, cards=2)):
                pass
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", port))


async def test_draining_cards_refuse_and_are_not_replaced() -> None:
    async with LineCards(SipSettings(port=0)) as cards:
        cards.drain()
        async with asyncio.timeout(PATIENCE_S):
            assert await cards._cards[0]._process.wait() == 0
        assert cards.alive == 0


async def test_a_call_of_the_edge_that_waits_too_long_is_refused_and_never_offered() -> None:
    async with LineCards(SipSettings(port=0)) as cards:
        where = f"sip:100@127.0.0.1:{cards.ports[0]}"
        async with Probe(where, caller="late", extra="X-Trunk: carrier\r\n") as late:
            with pytest.raises(Refused, match="503"):
                await late.answered()
            async with Probe(where, caller="next"):
                async with asyncio.timeout(10):
                    while cards.queue.qsize() < 2:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)  # By then the card has also told that the first is over.
                incoming = await anext(cards.incoming())
                assert incoming.caller == "next"
                incoming.refuse(486)
