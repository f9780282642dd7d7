"""Callers whose RTP stops, moves, or is joined by a stranger's."""

from __future__ import annotations

import random
import re
import socket
import struct
from collections.abc import Callable

import pytest

from ops.witness.probe import Probe, offer, until
from ops.witness.rtp import PCMU, TELEPHONE_EVENT, to_ulaw
from phone_daemon.events import Digit, EndReason, SourceChanged
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.line_card.regular_rtp import PCMA
from tests.media.test_dtmf import tones
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


async def test_presses_of_one_key_are_told_apart_by_their_timestamps_alone() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        for number, key in enumerate((1, 1, 2, 2)):
            for sequence in range(3):  # Only the end packets arrive.
                header = struct.pack("!BBHII", 0x80, TELEPHONE_EVENT, 9 * number + sequence, 1600 * number, 7)
                probe.rtp._socket.sendto(header + struct.pack("!BBH", key, 0x8A, 800), probe.rtp.target or ("", 0))
        await ear.until(lambda: len([event for event in ear.told if isinstance(event, Digit)]) == 4)
        await ear.ticks(5)
        assert "".join(event.digit for event in ear.told if isinstance(event, Digit)) == "1122"


async def test_a_stranger_presses_no_keys() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        await ear.ticks(10)
        assert probe.rtp.target is not None
        event = struct.pack("!BBHIIBBH", 0x80, TELEPHONE_EVENT, 1, 1600, 7, 5, 0x8A, 800)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(event, probe.rtp.target)
        await ear.ticks(5)
        probe.rtp.press("6")
        assert await ear.event(Digit) == Digit("6")


def without_events(port: int) -> str:
    return re.sub(
        r" 101\r|a=.*telephone-event.*\r\n|a=fmtp.*\r\n", lambda found: "\r" * (found[0][0] == " "), offer(port)
    )


async def test_where_no_telephone_event_was_agreed_on_keys_are_heard_as_tones() -> None:
    async with card() as ours, Probe(uri(ours), sdp=without_events) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        await ear.ticks(5)
        probe.rtp.play(LONG_TONE[:8000] + tones("1122#").astype("<i2").tobytes())
        await ear.until(lambda: Digit("#") in ear.events)
        assert "".join(event.digit for event in ear.told if isinstance(event, Digit)) == "1122#"


async def test_events_of_a_gateway_that_agreed_on_none_are_keys_and_its_tones_are_no_second_ones() -> None:
    async with card() as ours, Probe(uri(ours), sdp=without_events) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        await ear.ticks(5)
        probe.rtp.press("12")
        await ear.until(lambda: Digit("2") in ear.events)
        probe.rtp.play(tones("34").astype("<i2").tobytes())
        probe.rtp.press("5")
        await ear.until(lambda: Digit("5") in ear.events)
        assert "".join(event.digit for event in ear.told if isinstance(event, Digit)) == "125"


async def test_where_telephone_event_was_agreed_on_tones_are_no_keys() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        probe.rtp.play(tones("1122").astype("<i2").tobytes())
        await ear.until(lambda: rms(ear.heard[-640:]) > 1000)
        await ear.ticks(20)
        assert ear.told == []


ODD: dict[str, Callable[[int], bytes]] = {
    "5 ms": lambda at: packet(at // 40, at, at, 40),
    "15 ms": lambda at: packet(at // 120, at, at, 120),
    "a clock that stands still": lambda at: packet(at // 160, 1234, at, 160),
    "random sequence numbers": lambda at: packet(random.Random(at).getrandbits(16), at, at, 160),
    "the other law": lambda at: packet(at // 160, at, at, 160, kind=PCMA),
}
_TALK = to_ulaw(LONG_TONE)
_OTHER = bytes(code ^ 0x80 ^ 0x55 for code in _TALK)
"""Not the same tone in A-law, but as loud."""


def packet(sequence: int, timestamp: int, at: int, size: int, kind: int = PCMU) -> bytes:
    """RTP with the audio from sample `at` on."""
    audio = (_OTHER if kind == PCMA else _TALK)[at : at + size]
    return struct.pack("!BBHII", 0x80, kind, sequence, timestamp, 7) + audio


@pytest.mark.parametrize("odd", ODD)
async def test_callers_whose_packets_are_odd_are_heard(odd: str) -> None:
    async with card() as ours, call(ours) as (probe, ear):
        probe.rtp.sending = False
        await heard(probe, ear, ODD[odd])


async def heard(probe: Probe, ear: Ear, datagrams: Callable[[int], bytes]) -> None:
    """Asserts that what `datagrams` gives for each sample that is due is heard."""
    assert probe.rtp.target is not None
    at = 0
    for tick in range(1, 90):
        while at < 160 * tick:  # by the card's clock
            datagram = datagrams(at)
            probe.rtp._socket.sendto(datagram, probe.rtp.target)
            at += len(datagram) - 12
        await ear.ticks(1)
    levels = sorted(rms(frame.pcm) for frame in ear.frames[-40:])
    assert levels[4] > LOUD / 2, levels  # A busy machine may lose a frame or two.


@pytest.mark.parametrize("kind", [98, PCMU, PCMA])
async def test_a_codec_under_a_number_of_its_own_is_heard_by_that_number_or_any(kind: int) -> None:
    def own(port: int) -> str:
        return offer(port).replace("AVP 0 101", "AVP 98 101").replace("rtpmap:0 ", "rtpmap:98 ")

    async with card() as ours, Probe(uri(ours), sdp=own) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        probe.rtp.sending = False
        await heard(probe, ear, lambda at: packet(at // 160, at, at, 160, kind=kind))


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
