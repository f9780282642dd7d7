"""A recorded caller on a real line: two line cards, with SIP and RTP on loopback between them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ops.replay.fixture import Anchor, Cue, Expect, Fixture
from ops.replay.sip_call import CallerSide, place_recorded_call
from phone_daemon.events import Digit, EndReason, Frame, LineClosed, LineEvent
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import CallRefused, LineCard

TONE = (6000 * np.sin(np.arange(4000) / 3)).astype("<i2").tobytes()
SETTINGS = SipSettings(port=0)


async def answer(card: LineCard) -> tuple[str, list[LineEvent]]:
    """An agent that plays half a second of tone and then listens. Returns who called, and what it received."""
    incoming = await card.incoming.get()
    line = incoming.answer()
    line.play(1, TONE)
    line.finish(1)
    return incoming.caller, [event async for event in line.events()]


async def test_a_caller_hears_the_agent_out_then_speaks_presses_keys_and_hangs_up() -> None:
    cues = (
        Cue(Anchor.AGENT_FINISHED, 0.1, pcm=TONE),
        Cue(Anchor.SAID, 0.1, press="5#"),
        Cue(Anchor.SAID, 0.5, hang_up=True),
    )
    told: list[float] = []
    ours, theirs = await asyncio.gather(LineCard.start(SETTINGS), LineCard.start(SETTINGS))
    try:
        async with asyncio.timeout(20):
            played = Fixture("polite", "100", "any", "a test", cues, Expect())
            side, (caller, events) = await asyncio.gather(
                place_recorded_call(ours, f"sip:100@127.0.0.1:{theirs.port}", played, told.append), answer(theirs)
            )
    finally:
        await asyncio.gather(ours.close(), theirs.close())
    assert caller == "polite"
    assert side == CallerSide(LineClosed(EndReason.CALLER_HUNG_UP, side.closed.code, side.closed.detail), True, "")
    assert told == [1 / 3, 2 / 3, 1]
    frames = [event for event in events if isinstance(event, Frame)]
    loud = [frame.position for frame in frames if np.abs(np.frombuffer(frame.pcm, "<i2").astype(int)).max() > 3000]
    agent_over = max(frame.position for frame in frames if frame.agent)
    assert min(loud) > agent_over
    assert len(loud) * 160 == pytest.approx(len(TONE) // 2, abs=320)
    assert [event.digit for event in events if isinstance(event, Digit)] == ["5", "#"]
    assert isinstance(events[-1], LineClosed)
    assert events[-1].reason is EndReason.CALLER_HUNG_UP


async def test_a_call_that_is_not_answered_is_refused_with_its_code() -> None:
    played = Fixture("unlucky", "100", "any", "a test", (), Expect())
    ours, theirs = await asyncio.gather(LineCard.start(SETTINGS), LineCard.start(SETTINGS))

    async def refuse() -> None:
        (await theirs.incoming.get()).refuse(404)

    try:
        async with asyncio.timeout(20):
            with pytest.raises(CallRefused, match="404"):
                await asyncio.gather(refuse(), place_recorded_call(ours, f"sip:100@127.0.0.1:{theirs.port}", played))
    finally:
        await asyncio.gather(ours.close(), theirs.close())
