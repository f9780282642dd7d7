"""Callers whose RTP stops, moves, or is joined by a stranger's."""

from __future__ import annotations

import socket
import struct

import pytest

from ops.witness.probe import Probe, offer, until
from phone_daemon.events import EndReason, SourceChanged
from phone_daemon.settings.settings import SipSettings
from tests.wire.calls import Ear, call, card, gapless, rms, rung, tone, uri

SHORT = SipSettings(port=0, rtp_timeout_s=0.4, ack_timeout_s=0.6)
LONG_TONE = tone(440, 8.0)
LOUD = rms(LONG_TONE)


async def test_a_caller_whose_rtp_stops_is_hung_up_on() -> None:
    async with card(SHORT) as ours, call(ours) as (probe, ear):
        await ear.ticks(30)
        probe.rtp.sending = False
        assert (await ear.closed()).reason is EndReason.RTP_TIMEOUT
        assert await probe.ended() == "bye"


@pytest.mark.parametrize("life", ["rtcp", "comfort noise"])
async def test_a_muted_caller_who_shows_signs_of_life_is_not_hung_up_on(life: str) -> None:
    async with card(SipSettings(port=0, rtp_timeout_s=0.6)) as ours, call(ours) as (probe, ear):
        await ear.ticks(10)
        probe.rtp.sending = False
        assert probe.rtp.target is not None
        host, port = probe.rtp.target
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            for number in range(6):  # for twice as long as silence would be allowed
                if life == "rtcp":
                    elsewhere.sendto(struct.pack("!BBHI", 0x80, 201, 1, 1), (host, port + 1))
                else:
                    noise = struct.pack("!BBHII", 0x80, 13, number, number, 1) + b"@"
                    probe.rtp._socket.sendto(noise, (host, port))
                await ear.ticks(10)
        assert probe.byes == 0
        assert (await ear.closed()).reason is EndReason.RTP_TIMEOUT


async def test_rtp_from_elsewhere_is_told_never_heard_and_never_answered() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        probe.rtp.play(LONG_TONE)
        ear.line.play(1, tone(1000, 3.0))
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        stranger = probe.rtp.move()
        changed = await ear.event(SourceChanged)
        assert changed == SourceChanged(f"127.0.0.1:{stranger}", trusted=False)
        before = len(probe.rtp.packets)
        await ear.ticks(20)
        assert rms(b"".join(frame.pcm for frame in ear.frames[-20:])) == 0
        # The agent's voice still goes where SDP said.
        assert len(probe.rtp.packets) > before + 15
        assert gapless(ear.frames)


async def moves(probe: Probe, ear: Ear) -> None:
    """The caller's RTP moves, is heard from the new place, and answered there."""
    moved = f"127.0.0.1:{probe.rtp.rebind()}"
    await ear.until(lambda: SourceChanged(moved, trusted=True) in ear.events)
    before = len(probe.rtp.packets)
    await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
    await until(lambda: len(probe.rtp.packets) > before + 15)


async def test_a_caller_whose_rtp_moves_is_heard_and_answered_in_the_new_place() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        probe.rtp.play(LONG_TONE)
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        for _ in range(2):
            await moves(probe, ear)


async def test_a_stranger_cannot_take_over_while_the_caller_is_silent() -> None:
    async with card() as ours, call(ours) as (probe, ear), Probe(uri(ours)) as other:
        await rung(ours)
        assert probe.rtp.target is not None
        await ear.ticks(10)
        other.rtp.aim(*probe.rtp.target)
        other.rtp.play(LONG_TONE)
        await ear.ticks(10)
        probe.rtp.sending = False
        await ear.ticks(80)
        assert rms(b"".join(frame.pcm for frame in ear.frames[-70:])) == 0
        assert not other.rtp.packets
        probe.rtp.play(LONG_TONE)
        probe.rtp.sending = True
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)


async def test_a_stranger_who_talks_over_the_caller_changes_nothing() -> None:
    async with card() as ours, call(ours) as (probe, ear), Probe(uri(ours)) as other:
        await rung(ours)
        probe.rtp.play(LONG_TONE)
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        assert probe.rtp.target is not None
        other.rtp.aim(*probe.rtp.target)
        await ear.ticks(60)
        assert other.rtp.sent > 40
        assert ear.told == []
        assert min(rms(frame.pcm) for frame in ear.frames[-50:]) > LOUD / 2


async def test_a_new_sdp_moves_the_trust_with_it() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        probe.rtp.play(LONG_TONE)
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        moved = probe.rtp.move()
        assert (await ear.event(SourceChanged)) == SourceChanged(f"127.0.0.1:{moved}", trusted=False)
        assert (await probe.ask("UPDATE", offer(moved))).code == 200
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        assert ear.told[-1] == SourceChanged(f"127.0.0.1:{moved}", trusted=True)
