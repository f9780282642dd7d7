"""A line as the daemon sees it, without a card."""

from __future__ import annotations

import asyncio

import pytest

from phone_daemon.events import Digit, EndReason, Frame, LineClosed, LineEvent
from phone_daemon.wire import protocol
from phone_daemon.wire.sip_line import MAX_BEHIND, IncomingCall, SipLine


def line() -> tuple[SipLine, list[protocol.Command]]:
    said: list[protocol.Command] = []
    return SipLine("id", "1", "2", said.append), said


def frame(position: int) -> Frame:
    return Frame(position, bytes(320), b"", 0, 0, 0)


async def test_events_come_in_order_and_end_with_the_line() -> None:
    here, _ = line()
    events: list[LineEvent] = [frame(0), Digit("1"), frame(160), LineClosed(EndReason.CALLER_HUNG_UP)]
    for event in events:
        here.push(event)
    here.push(Digit("2"))
    assert [event async for event in here.events()] == events


def test_what_is_played_at_16_khz_goes_to_a_wideband_line_alone() -> None:
    here, said = line()
    here.play(1, bytes(320), bytes(640))
    here.wide = True
    here.play(2, bytes(320), bytes(640))
    here.play(3, bytes(320))
    assert said == [protocol.Play(1, bytes(320)), protocol.PlayWide(2, bytes(640)), protocol.Play(3, bytes(320))]


async def test_a_reader_that_is_cancelled_while_it_waits_loses_nothing() -> None:
    here, _ = line()
    waiting = asyncio.ensure_future(anext(here.events()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    here.push(Digit("7"))
    assert await anext(here.events()) == Digit("7")


async def test_a_reader_that_sleeps_loses_frames_but_nothing_else() -> None:
    here, _ = line()
    for tick in range(MAX_BEHIND + 3):
        here.push(frame(160 * tick))
    here.push(Digit("7"))
    here.push(LineClosed(EndReason.RTP_TIMEOUT))
    events = [event async for event in here.events()]
    assert here.lost_frames == 3
    assert len(events) == MAX_BEHIND + 2
    assert events[-2] == Digit("7")


def test_long_audio_travels_in_pieces() -> None:
    here, said = line()
    pcm = bytes(range(256)) * 200
    here.play(3, pcm)
    assert len(said) > 1
    assert b"".join(play.pcm for play in said if isinstance(play, protocol.Play)) == pcm


def test_half_a_sample_is_refused() -> None:
    here, said = line()
    with pytest.raises(ValueError, match="321 bytes"):
        here.play(1, bytes(321))
    assert said == []


def test_a_line_that_is_over_says_nothing_more() -> None:
    here, said = line()
    here.push(LineClosed(EndReason.CALLER_HUNG_UP))
    here.play(1, bytes(320))
    here.hang_up()
    here.flush(1)
    assert said == []


def test_only_refusals_refuse() -> None:
    here, said = line()
    call = IncomingCall(here, "127.0.0.1:5060")
    with pytest.raises(ValueError, match="refuse with 200"):
        call.refuse(200)
    call.refuse(503, 30)
    assert said == [protocol.Refuse(503, 30)]
