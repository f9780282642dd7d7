"""A web caller is transferred to a telephone: a real web process, real line cards, and the test as the agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from phone_daemon.call.who_answered import WhoAnswered
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, Dialplans
from phone_daemon.events import FRAME_BYTES, EndReason, PlayoutDone, TransferFailed
from phone_daemon.outbound import Outbound
from phone_daemon.settings.outbound import OutboundSettings
from phone_daemon.settings.settings import SipSettings
from phone_daemon.settings.trunks import TrunkSettings
from phone_daemon.wire.dialing import Ledger
from phone_daemon.wire.sip import LineCard, LineCards, SipLine
from phone_daemon.wire.trunks import Trunks
from phone_daemon.wire.uri import user_part
from tests.web.served import Served, frame_of, hears, served, settings_in
from tests.web.test_voice import CHUNK, start
from tests.wire.calls import PATIENCE_S, Ear, card, rung, strength, tone

pytestmark = pytest.mark.long

COLLEAGUE = "sip:+442079460100@example.com"
(PLAN,) = Dialplans.load([SHIPPED / "dental_clinic.toml"])


async def nobody(line: SipLine, plan: Dialplan, until_beep: bool) -> WhoAnswered:
    raise AssertionError("nobody asks who answered")


@dataclass
class House:
    """A daemon's outbound side whose one trunk leads to `provider`, and a caller from the web."""

    provider: LineCard
    socket: ClientConnection
    ear: Ear
    trunks: Trunks


@asynccontextmanager
async def house(folder: Path, *allow: str) -> AsyncIterator[House]:
    async with card() as provider, served(settings_in(folder)) as web:
        trunk = TrunkSettings(name="a", proxy=f"127.0.0.1:{provider.port}", allow=allow or ("+4420*",))
        sip = SipSettings(port=0, country="44")
        async with Trunks([trunk]) as trunks, LineCards(sip, trunks=trunks) as cards, web.socket() as socket:
            async with asyncio.timeout(PATIENCE_S):
                while not next(iter(trunks)).route:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            outbound = Outbound(OutboundSettings(), sip, cards, trunks, Ledger(folder / "ledger"), listen=nobody)
            handing: list[asyncio.Task[None]] = []

            def bridge(caller: SipLine, uri: str, briefing: bytes) -> None:
                handing.append(asyncio.create_task(outbound.hand_over(caller, user_part(uri), briefing, PLAN)))

            yield await _with_a_caller(web, socket, provider, trunks, bridge)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*handing)
            assert next(iter(trunks)).calls == 0


async def _with_a_caller(
    web: Served,
    socket: ClientConnection,
    provider: LineCard,
    trunks: Trunks,
    bridge: Callable[[SipLine, str, bytes], None],
) -> House:
    await socket.send(start(caller="anna"))
    ear = await web.answered()
    ear.line.bridge = bridge
    return House(provider, socket, ear, trunks)


async def keep_saying(socket: ClientConnection, hertz: float) -> None:
    while True:
        await socket.send(CHUNK + tone(hertz, 0.02))
        await asyncio.sleep(0.02)


async def comes(socket: ClientConnection, hertz: float) -> None:
    """Waits until the client is sent ten frames that sound at `hertz`."""
    found = 0
    while found < 10:
        message = await frame_of(socket, 0x06)
        found += len(message) == 2 + FRAME_BYTES and strength(message[2:], hertz) > 1000


async def test_a_colleague_is_told_who_is_there_and_joined_with_a_caller_from_the_web(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        speaking = asyncio.create_task(keep_saying(here.socket, 440))
        here.ear.line.play_music(tone(1400, 1.0))
        here.ear.line.consult(COLLEAGUE, tone(600, 1.0))
        colleague = Ear((await rung(here.provider)).answer())
        await hears(colleague, 600)
        assert (await here.ear.closed()).reason is EndReason.TRANSFERRED
        await hears(colleague, 440)
        colleague.line.play(1, tone(1000, 4.0))
        await comes(here.socket, 1000)
        colleague.line.hang_up()
        speaking.cancel()
        done = json.loads((await frame_of(here.socket, 0x09))[2:])
        assert done["reason"] == EndReason.TRANSFERRED


async def test_while_it_rings_the_caller_hears_music_and_who_leaves_then_is_not_put_through(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.ear.line.play(1, tone(300, 0.2))
        here.ear.line.finish(1)
        await here.ear.event(PlayoutDone)
        here.ear.line.play_music(tone(1400, 1.0))
        here.ear.line.transfer(COLLEAGUE)
        call = await rung(here.provider)
        call.ring()
        await comes(here.socket, 1400)
        await here.socket.close()
        assert (await here.ear.closed()).reason is EndReason.CALLER_HUNG_UP
        async with asyncio.timeout(PATIENCE_S):
            while not call.gone:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_number_that_no_trunk_may_call_is_refused_and_the_call_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path, "+4930*") as here:
        here.ear.line.transfer(COLLEAGUE)
        failed = await here.ear.event(TransferFailed)
        assert isinstance(failed, TransferFailed)
        assert failed.code == 403 and "+4420" not in failed.detail
        await here.ear.ticks(5)
        assert here.ear.line.closed is None


async def test_a_colleague_who_is_busy_leaves_the_caller_with_the_agent(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.ear.line.transfer(COLLEAGUE)
        (await rung(here.provider)).refuse(486)
        failed = await here.ear.event(TransferFailed)
        assert isinstance(failed, TransferFailed) and failed.code == 486
        assert here.ear.line.closed is None
