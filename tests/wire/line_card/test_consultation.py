"""Attended transfers: a colleague is called, told who is calling, and connected with the caller, or the caller
returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from ops.witness.probe import Probe, until
from ops.witness.rtp import PCMU, to_pcm
from phone_daemon.events import EndReason, PlayoutDone, TransferFailed
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import LineCard
from tests.wire.calls import PATIENCE_S, Ear, card, rung, strength, tone

MUSIC, BRIEFING, CALLER, COLLEAGUE, AGENT = 500.0, 900.0, 1300.0, 1700.0, 2100.0
"""The tone that identifies each, in hertz."""
PATIENT = SipSettings(port=0, transfer_timeout_s=5.0)


@asynccontextmanager
async def three(settings: SipSettings = PATIENT) -> AsyncIterator[tuple[LineCard, LineCard, Probe, Ear]]:
    """Our card and the colleague's, and a caller in a call with our agent."""
    async with card(settings) as ours, card() as theirs, Probe(f"sip:1@127.0.0.1:{ours.port}", caller="0123") as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        yield ours, theirs, probe, ear


def consult(ear: Ear, theirs: LineCard) -> None:
    ear.line.play_music(tone(MUSIC, 1.0))
    ear.line.consult(f"sip:desk@127.0.0.1:{theirs.port}", tone(BRIEFING, 0.4))


def hears(probe: Probe, hertz: float) -> bool:
    """Whether the caller's last 200 ms are a tone."""
    last = [packet.payload for packet in list(probe.rtp.packets)[-10:] if packet.payload_type == PCMU]
    return strength(to_pcm(b"".join(last)), hertz) > 2000


async def until_colleague_hears(colleague: Ear, hertz: float) -> None:
    await colleague.until(lambda: strength(colleague.heard[-3200:], hertz) > 2000)


async def test_the_caller_hears_music_while_the_colleague_is_told_and_then_they_are_joined_by_replaces() -> None:
    async with three() as (ours, theirs, probe, ear):
        consult(ear, theirs)
        incoming = await rung(theirs)
        assert incoming.caller == "0123"
        await until(lambda: hears(probe, MUSIC))
        colleague = Ear(incoming.answer())
        await until_colleague_hears(colleague, BRIEFING)
        await until(lambda: probe.transferred_to)
        assert "Replaces=" in probe.transferred_to
        assert probe.transferred_to.startswith("sip:")
        assert await probe.notify("200 OK", last=True) == 200
        assert (await ear.closed()).reason is EndReason.TRANSFERRED
        assert await probe.ended() == "bye"
        assert (await colleague.closed()).reason is EndReason.CALLER_HUNG_UP
        async with asyncio.timeout(PATIENCE_S):
            while (await ours.stats()).calls:
                pass


@pytest.mark.long
@pytest.mark.parametrize("who", ["caller", "colleague"])
async def test_where_replaces_is_not_known_the_card_bridges_them_until_either_hangs_up(who: str) -> None:
    async with three() as (ours, theirs, probe, ear):
        probe.refer_code = 405
        consult(ear, theirs)
        colleague = Ear((await rung(theirs)).answer())
        assert (await ear.closed()).reason is EndReason.TRANSFERRED
        assert probe.byes == 0
        probe.rtp.play(tone(CALLER, 5.0))
        colleague.line.play(1, tone(COLLEAGUE, 5.0))
        await until_colleague_hears(colleague, CALLER)
        await until(lambda: hears(probe, COLLEAGUE) and not hears(probe, MUSIC))
        # A new offer from the caller's telephone does not disconnect them.
        assert (await probe.ask("UPDATE", probe._sdp(probe.rtp.port))).code == 200
        await until_colleague_hears(colleague, CALLER)
        if who == "caller":
            await probe.hang_up()
            assert (await colleague.closed()).reason is EndReason.CALLER_HUNG_UP
        else:
            colleague.line.hang_up()
            assert await probe.ended() == "bye"
        async with asyncio.timeout(PATIENCE_S):
            while (await ours.stats()).calls:
                pass


@pytest.mark.parametrize(("how", "code"), [("busy", 486), ("no answer", 408), ("hangs up", 200)])
async def test_a_colleague_who_is_not_to_be_had_gives_the_caller_back_to_the_agent(how: str, code: int) -> None:
    async with three(SipSettings(port=0, transfer_timeout_s=1.0)) as (_, theirs, probe, ear):
        consult(ear, theirs)
        incoming = await rung(theirs)
        if how == "busy":
            incoming.refuse(486)
        elif how == "hangs up":
            incoming.answer().hang_up()
        failed = await ear.event(TransferFailed)
        assert isinstance(failed, TransferFailed)
        assert failed.code == code
        assert probe.byes == 0
        ear.line.stop_music()
        ear.line.play(1, tone(AGENT, 0.6))
        ear.line.finish(1)
        await until(lambda: hears(probe, AGENT))
        await ear.event(PlayoutDone)


async def test_a_caller_who_hangs_up_meanwhile_leaves_nobody_with_the_colleague() -> None:
    async with three() as (_, theirs, probe, ear):
        consult(ear, theirs)
        incoming = await rung(theirs)
        await probe.hang_up()
        assert (await ear.closed()).reason is EndReason.CALLER_HUNG_UP
        await until(lambda: incoming.gone)


async def test_music_is_played_again_and_again_and_replies_wait() -> None:
    async with three() as (_, _, probe, ear):
        ear.line.play_music(tone(MUSIC, 0.1))
        await until(lambda: hears(probe, MUSIC))
        ear.line.play(1, tone(AGENT, 0.4))
        ear.line.finish(1)
        await ear.ticks(15)
        assert hears(probe, MUSIC)
        assert not hears(probe, AGENT)
        ear.line.stop_music()
        done = await ear.event(PlayoutDone)
        assert isinstance(done, PlayoutDone)
        assert (done.played, done.underruns) == (3200, 0)
        heard = to_pcm(b"".join(packet.payload for packet in list(probe.rtp.packets)[-40:]))
        assert np.abs(np.frombuffer(heard, "<i2")).max() > 2000
