"""Another caller replaces the first: what a PBX does at the end of its own attended transfer (RFC 3891)."""

from __future__ import annotations

import re

import pytest

from ops.witness.probe import Probe, Refused, until
from phone_daemon.events import Digit, PlayoutDone
from tests.wire.calls import Ear, card, gapless, rms, rung, tone


class Successor(Probe):
    """Comes with a Replaces header."""

    replaces = ""

    def _request(self, method: str, *args: str, **named: object) -> bytes:
        request = super()._request(method, *args, **named)  # type: ignore[arg-type]
        line = f"Replaces: {self.replaces}\r\nMax-Forwards".encode()
        return request.replace(b"Max-Forwards", line, 1) if method == "INVITE" and self._ack is None else request


def dialog(probe: Probe) -> str:
    """The call as the Replaces header identifies it: our tag, then theirs."""
    ours = re.findall(r"tag=([^;>]+)", probe._to)[0]
    return f"{probe._call_id};to-tag={ours};from-tag={probe._tag}"


async def test_the_conversation_goes_on_with_the_new_caller_at_the_very_sample() -> None:
    async with card() as ours, Probe(f"sip:1@127.0.0.1:{ours.port}") as first:
        ear = Ear((await rung(ours)).answer())
        await first.answered()
        ear.line.play(1, tone(1000, 3.0))
        ear.line.finish(1)
        await ear.ticks(20)
        second = Successor(f"sip:1@127.0.0.1:{ours.port}")
        second.replaces = dialog(first)
        async with second:
            await second.answered()
            assert await first.ended() == "bye"
            second.rtp.play(tone(440, 3.0))
            await ear.until(lambda: rms(ear.heard[-640:]) > 3000)
            assert any(rms(frame.agent) > 1000 for frame in ear.frames[-5:])
            assert await second.info("5") == 200
            second.rtp.press("6")
            await ear.until(lambda: Digit("6") in ear.events)
            assert Digit("5") in ear.events
            done = await ear.event(PlayoutDone)
            assert isinstance(done, PlayoutDone)
            assert (done.played, done.underruns) == (24_000, 0)
            assert gapless(ear.frames)
            assert ours.incoming.empty()
            await second.hang_up()
            await ear.closed()
        await until(lambda: ours.live == 0)


async def test_who_names_no_call_of_ours_replaces_nobody() -> None:
    async with card() as ours, Probe(f"sip:1@127.0.0.1:{ours.port}") as first:
        ear = Ear((await rung(ours)).answer())
        await first.answered()
        stranger = Successor(f"sip:1@127.0.0.1:{ours.port}")
        stranger.replaces = dialog(first).replace("from-tag=", "from-tag=x")
        async with stranger:
            with pytest.raises(Refused) as refused:
                await stranger.answered()
            assert refused.value.code == 481
        await ear.ticks(10)
        assert first.byes == 0
