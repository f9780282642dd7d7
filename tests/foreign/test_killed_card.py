"""A line card is killed: SIPp, whose call it carried, gets BYE from its replacement."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ops.witness.probe import until
from phone_daemon.events import EndReason
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import LineCards
from tests.foreign.sipp import called, calling, sipp, telephone
from tests.wire.calls import Ear

PATIENCE_S = 10.0


async def killed(cards: LineCards, ear: Ear) -> None:
    """Kills the only card, whose call `ear` reads; returns when another one has replaced it."""
    (pid,) = cards.pids
    await ear.ticks(10)
    os.kill(pid, signal.SIGKILL)
    assert (await ear.closed()).reason is EndReason.LINE_CARD_DIED
    await until(lambda: cards.pids != (pid,) and cards.alive == 1, PATIENCE_S)


@pytest.mark.foreign
async def test_whoever_called_a_card_that_is_killed_is_hung_up_on(tmp_path: Path) -> None:
    async with LineCards(SipSettings(port=0)) as cards:
        caller = asyncio.create_task(sipp(tmp_path, cards.ports[0], calling(hung_up_on=True)))
        call = await anext(cards.incoming())
        await killed(cards, Ear(call.answer()))
        await caller


@pytest.mark.foreign
async def test_whom_a_card_that_is_killed_had_called_is_hung_up_on(tmp_path: Path) -> None:
    async with telephone(tmp_path, called()) as port, LineCards(SipSettings(port=0)) as cards:
        await killed(cards, Ear(await cards.place(f"sip:620@127.0.0.1:{port}")))
        # It expects BYE, and ends when it has answered.
        await until(lambda: not is_bound(port), PATIENCE_S)


def is_bound(port: int) -> bool:
    """Whether this UDP port is still in use."""
    sockets = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(int(line.split()[1].partition(":")[2], 16) == port for line in sockets)
