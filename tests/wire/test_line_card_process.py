"""Calls between two real line cards over loopback SIP and RTP: sound, playout, digits, ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from dataclasses import replace

import pytest

from phone_daemon.events import Digit, EndReason, Flushed, LineClosed, PlayoutDone, PlayoutStarted, TransferFailed
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import CallRefused, CardFailed, LineCard, PortInUse
from tests.wire.calls import (
    FREE_PORT,
    PATIENCE_S,
    Ear,
    card,
    connect,
    gapless,
    rms,
    rung,
    strength,
    tone,
    two_cards,
    until_options,
)

AT_440, AT_1000 = tone(440, 0.5), tone(1000, 0.5)
LOUD = rms(AT_440)


def is_pure(sound: bytes, hertz: float) -> bool:
    """Whether it is that tone, as loud as it was played, and nothing else."""
    return 0.8 * LOUD < strength(sound, hertz) < 1.2 * LOUD and strength(sound, hertz) > 0.95 * rms(sound)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_both_ends_hear_each_other_over_every_codec(codec: str) -> None:
    async with two_cards(SipSettings(port=0, codecs=(codec,))) as (ours, theirs):
        here, there = await connect(ours, theirs)
        # Anything sent before the other end has seen the 200 is lost, and G.722 has to find its level.
        await here.ticks(5)
        for ear, sound in ((here, AT_440), (there, AT_1000)):
            ear.line.play(1, sound)
            ear.line.finish(1)
        for ear in (here, there):
            done = await ear.event(PlayoutDone)
            assert isinstance(done, PlayoutDone)
            assert (done.reply, done.played) == (1, 4000)
            await ear.ticks(10)
        here.line.hang_up()
        assert (await here.closed()).reason is EndReason.AGENT_HUNG_UP
        assert (await there.closed()).reason is EndReason.CALLER_HUNG_UP
    for ear, hertz in ((here, 1000), (there, 440)):
        assert gapless(ear.frames)
        loud = [frame.pcm for frame in ear.frames if rms(frame.pcm) > LOUD / 4]
        # 25 were played; on a busy machine the jitter buffer stretches them, with a jump here and there.
        assert 24 <= len(loud) < 40
        assert any(is_pure(b"".join(loud[at : at + 5]), hertz) for at in range(3, 18))
        assert rms(b"".join(frame.pcm for frame in ear.frames[-3:])) < LOUD / 100


async def test_who_calls_whom_is_told_and_the_id_sorts_by_time() -> None:
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs, caller="+491234")
        assert (here.line.caller, here.line.called) == ("+491234", "4711")
        assert (there.line.caller, there.line.called) == ("+491234", "4711")
        again, _ = await connect(ours, theirs, caller="5")
        assert here.line.id < again.line.id


async def test_playout_says_when_sound_began_what_was_sent_and_shows_it_in_the_frames() -> None:
    async with two_cards() as (ours, theirs):
        here, _ = await connect(ours, theirs)
        here.line.play(1, bytes(640) + AT_440)
        here.line.finish(1)
        await here.event(PlayoutDone)
    started = await here.event(PlayoutStarted)
    assert isinstance(started, PlayoutStarted)
    said = {frame.position: frame.agent for frame in here.frames if frame.agent}
    assert min(said) == started.position
    assert b"".join(said.values())[: len(AT_440)] == AT_440
    assert all(frame.reply == 1 for frame in here.frames if frame.agent)


async def test_a_flushed_reply_falls_silent_at_the_next_tick_and_its_late_audio_never_plays() -> None:
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs)
        here.line.play(1, AT_440 * 4)
        await here.event(PlayoutStarted)
        await here.ticks(10)
        here.line.flush(1)
        here.line.play(1, AT_440)
        flushed = await here.event(Flushed)
        assert isinstance(flushed, Flushed)
        here.line.play(1, AT_440)
        here.line.play(2, AT_1000)
        here.line.finish(2)
        await here.event(PlayoutDone)
        await there.ticks(15)
        stats = await ours.stats()
    assert (stats.stale_frames, stats.late_audio) == (0, 2)
    assert all(frame.agent == b"" for frame in here.frames if frame.position == flushed.position)
    assert flushed.played == 160 * sum(frame.reply == 1 and frame.agent != b"" for frame in here.frames)
    assert flushed.played + flushed.dropped == len(AT_440 * 4) // 2
    frames = there.frames
    heard = [max((440, 1000), key=lambda hertz: strength(f.pcm, hertz)) for f in frames if rms(f.pcm) > LOUD / 4]
    turn = heard.index(1000)
    assert set(heard[:turn]) == {440}
    assert set(heard[turn:]) == {1000}
    assert turn in range(flushed.played // 160 - 1, flushed.played // 160 + 2)


async def pressed(ear: Ear, count: int) -> None:
    await ear.until(lambda: sum(isinstance(event, Digit) for event in ear.events) >= count)


async def sounds(ear: Ear) -> None:
    await ear.until(lambda: rms(ear.heard[-3200:]) > LOUD / 2)


async def test_digits_go_both_ways_in_order() -> None:
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs)
        here.line.send_digits("12#")
        there.line.send_digits("0*D")
        for ear, digits in ((here, "0*D"), (there, "12#")):
            await pressed(ear, len(digits))
            assert "".join(event.digit for event in ear.told if isinstance(event, Digit)) == digits


async def test_a_call_that_is_refused_says_so_to_the_caller() -> None:
    async with two_cards() as (ours, theirs):
        placing = asyncio.create_task(theirs.place(f"sip:9@127.0.0.1:{ours.port}"))
        (await rung(ours)).refuse(404)
        with pytest.raises(CallRefused) as refused:
            await placing
        assert refused.value.code == 404
        with pytest.raises(CallRefused, match="nonsense"):
            await theirs.place("nonsense")


async def test_a_caller_who_gives_up_while_it_rings_is_gone() -> None:
    async with two_cards() as (ours, theirs):
        placing = asyncio.create_task(theirs.place(f"sip:9@127.0.0.1:{ours.port}"))
        call = await rung(ours)
        call.ring()
        placing.cancel()
        async with asyncio.timeout(PATIENCE_S):
            closed = [event async for event in call.answer().events()]
        assert call.gone
        assert [event.reason for event in closed if isinstance(event, LineClosed)] == [EndReason.CALLER_HUNG_UP]


async def test_a_card_that_is_full_refuses_and_the_calls_on_it_notice_nothing() -> None:
    async with two_cards() as (ours, theirs), card() as third:
        ears = [await connect(ours, theirs) for _ in range(ours.max_calls)]
        with pytest.raises(CallRefused) as refused:
            await third.place(f"sip:9@127.0.0.1:{ours.port}")
        assert refused.value.code in (486, 503)
        with pytest.raises(CallRefused, match="all 4 calls"):
            await theirs.place(f"sip:9@127.0.0.1:{third.port}")
        for here, _ in ears:
            here.line.play(1, AT_440)
        for _, there in ears:
            await sounds(there)
        ears[0][1].line.hang_up()
        await ears[0][0].closed()
        # The slot is free again at once, though its BYE may be under way.
        await connect(ours, theirs)
        assert all(gapless(ear.frames) for pair in ears[1:] for ear in pair)


async def test_a_card_that_drains_takes_no_calls_and_ends_with_its_last() -> None:
    async with two_cards() as (ours, theirs):
        here, _ = await connect(ours, theirs)
        ours.drain()
        await until_options(ours.port, 503)
        with pytest.raises(CallRefused) as refused:
            await theirs.place(f"sip:9@127.0.0.1:{ours.port}")
        assert refused.value.code == 503
        assert not ours.alive
        await here.ticks(5)
        here.line.hang_up()
        await here.closed()
        async with asyncio.timeout(PATIENCE_S):
            assert await ours._process.wait() == 0


async def test_closing_a_card_ends_its_calls_as_drained_and_tells_the_other_end() -> None:
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs)
        await ours.close()
        assert (await here.closed()).reason is EndReason.DRAINED
        assert (await there.closed()).reason is EndReason.CALLER_HUNG_UP
        await ours.close()
        assert ours._process.returncode == 0


async def test_closing_a_card_sends_calls_that_still_ring_elsewhere() -> None:
    async with two_cards() as (ours, theirs):
        placing = asyncio.create_task(theirs.place(f"sip:9@127.0.0.1:{ours.port}"))
        (await rung(ours)).ring()
        await ours.close()
        with pytest.raises(CallRefused) as refused:
            await placing
        # Not 603, which would forbid the trunk to try another server (RFC 3261 section 21.6.2).
        assert refused.value.code == 503


async def test_a_card_that_is_killed_takes_its_calls_with_it_and_says_so() -> None:
    async with two_cards() as (ours, theirs):
        here, _ = await connect(ours, theirs)
        await here.ticks(3)
        os.kill(ours.pid, signal.SIGKILL)
        assert (await here.closed()).reason is EndReason.LINE_CARD_DIED
        async with asyncio.timeout(PATIENCE_S):
            assert await ours.died == -signal.SIGKILL
        assert not ours.alive
        with pytest.raises(CardFailed):
            await ours.place(f"sip:9@127.0.0.1:{theirs.port}")
        with pytest.raises(CardFailed):
            await ours.stats()


async def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", 0))
        port = squatter.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{port} is in use: .*\[sip\]"):
            await LineCard.start(SipSettings(port=port))


async def test_a_card_that_was_stopped_for_a_while_goes_on_with_its_calls() -> None:
    async with two_cards() as (ours, theirs):
        here, _ = await connect(ours, theirs)
        await here.ticks(3)
        os.kill(ours.pid, signal.SIGSTOP)
        os.kill(theirs.pid, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        for pid in (ours.pid, theirs.pid):
            os.kill(pid, signal.SIGCONT)
        await here.ticks(10)
        assert gapless(here.frames)
        # Missed frames are not made up: the card continues from now.
        assert (await ours.stats()).tick_late_max_us > 400_000


async def test_a_card_that_hangs_is_killed_and_its_calls_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phone_daemon.wire.line_card_process.FROZEN_S", 0.4)
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs)
        os.kill(ours.pid, signal.SIGSTOP)
        assert (await here.closed()).reason is EndReason.LINE_CARD_DIED
        assert await ours.died == -signal.SIGKILL
        await there.ticks(5)


async def test_a_line_is_closed_once_whatever_is_asked_of_it_afterwards() -> None:
    async with two_cards() as (ours, theirs):
        here, there = await connect(ours, theirs)
        there.line.hang_up()
        here.line.hang_up()
        await asyncio.gather(here.closed(), there.closed())
        here.line.play(1, AT_440)
        here.line.hang_up()
        assert (await ours.stats()).stale_frames == 0
        assert [sum(isinstance(event, LineClosed) for event in ear.events) for ear in (here, there)] == [1, 1]


async def test_a_transfer_to_a_number_that_is_not_allowed_is_refused_and_the_caller_stays() -> None:
    """The allowed number is called: the other card refuses it, which does not matter here."""
    settings = replace(FREE_PORT, transfer_to=("+4420*",), country="44")
    async with two_cards(settings) as (ours, theirs):
        here, there = await connect(ours, theirs)
        here.line.transfer("sip:+8835100012345@192.0.2.7")
        refused = await here.event(TransferFailed)
        assert isinstance(refused, TransferFailed)
        assert refused.code == 403
        assert "transfer_to" in refused.detail
        here.line.transfer("sip:02079460100@192.0.2.7")
        await here.until(lambda: sum(isinstance(event, TransferFailed) for event in here.events) == 2)
        assert "transfer_to" not in str(here.events[-1])
        here.line.hang_up()
        await there.closed()
