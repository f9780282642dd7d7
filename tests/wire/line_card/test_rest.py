"""A card without calls ticks less often, and wakes when anything comes."""

from __future__ import annotations

import asyncio
import socket

from phone_daemon.events import PTIME_S
from phone_daemon.wire.line_card.rest import AWAKE_S, REST_S, Rest
from tests.wire.calls import call, card, options


def test_it_rests_a_while_after_the_last_thing_that_came() -> None:
    rest = Rest((), list)
    assert rest.pace(100.0, busy=True) == PTIME_S
    assert rest.pace(100.0 + AWAKE_S / 2, busy=False) == PTIME_S
    assert rest.pace(100.0 + AWAKE_S, busy=False) == REST_S
    assert rest.stir(101.5)
    assert not rest.stir(101.5)
    assert rest.pace(101.5 + AWAKE_S / 2, busy=False) == PTIME_S


def test_only_while_resting_it_waits_for_what_ticks_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        rest = Rest((), lambda: [ours])
        theirs.send(b"x")
        assert rest.wait(0.0, ()) == []
        rest.pace(0.0, busy=False)
        assert rest.wait(5.0, ()) == [ours]


async def test_a_resting_card_answers_at_once_and_a_call_gets_every_frame() -> None:
    async with card() as ours:
        await asyncio.sleep(AWAKE_S + REST_S)
        before = (await ours.stats()).ticks
        await asyncio.sleep(1.0)
        assert (await ours.stats()).ticks - before <= 2 / REST_S
        assert (await options(ours.port))[0] == 200
        async with call(ours) as (_, ear):
            await ear.ticks(100)
            assert [frame.position for frame in ear.frames[:100]] == list(range(0, 16_000, 160))
