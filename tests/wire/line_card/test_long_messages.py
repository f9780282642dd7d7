"""Messages longer than pjsip's buffer, sent to a line card by UDP (RFC 3261 section 18.1.1)."""

from __future__ import annotations

import pytest

from ops.witness.probe import Probe, Refused, offer
from tests.wire.calls import Ear, card, rms, rung, tone

IDENTITY = "Identity: " + "eyJhbGciOiJFUzI1NiIs" * 45


class LongProbe(Probe):
    """Adds header lines to its INVITE."""

    more = ""

    def _request(self, method: str, *args: str, **named: object) -> bytes:
        request = super()._request(method, *args, **named)  # type: ignore[arg-type]
        return (
            request.replace(b"Max-Forwards", self.more.encode() + b"Max-Forwards", 1) if method == "INVITE" else request
        )


@pytest.mark.parametrize("signatures", [3, 5, 20, 68])
async def test_an_invite_of_any_length_is_a_call_with_sound_both_ways(signatures: int) -> None:
    async with card() as ours:
        probe = LongProbe(f"sip:4711@127.0.0.1:{ours.port}", caller="+442079460111")
        probe.more = f"{IDENTITY}\r\n" * signatures + "Diversion: <sip:+15550100@192.0.2.1>\r\n"
        async with probe:
            incoming = await rung(ours)
            assert (incoming.caller, incoming.numbers) == ("+442079460111", ("4711", "+15550100"))
            assert incoming.address == f"127.0.0.1:{probe.port}"
            ear = Ear(incoming.answer())
            await probe.answered()
            ear.line.play(1, tone(1000, 0.5))
            probe.rtp.play(tone(440, 2.0))
            await ear.until(lambda: rms(ear.heard[-640:]) > 3000)
            # Messages within the call may be long, too.
            browser = offer(probe.rtp.port) + "".join(f"a=candidate:{n} 1 UDP 1 192.0.2.1 9\r\n" for n in range(200))
            assert (await probe.ask("UPDATE", browser)).code == 200


async def test_an_invite_that_cannot_be_made_short_is_513_and_others_are_taken() -> None:
    async with card() as ours:
        probe = LongProbe(f"sip:4711@127.0.0.1:{ours.port}")
        probe.more = "".join(f"Record-Route: <sip:192.0.2.1;lr;x={n:080}>\r\n" for n in range(60))
        async with probe:
            with pytest.raises(Refused) as refused:
                await probe.answered()
            assert refused.value.code == 513
        async with Probe(f"sip:4711@127.0.0.1:{ours.port}"):
            await rung(ours)


async def test_what_is_long_and_no_message_harms_nobody() -> None:
    async with card() as ours, Probe(f"sip:4711@127.0.0.1:{ours.port}") as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        for junk in (
            b"\0" * 60_000,
            b"INVITE " * 1000,
            b"\xff" * 4000,
            b"SIP/2.0 200 OK\r\nCall-ID: 1\r\n" + b"v: x\r\n" * 900,
        ):
            probe._send(junk, probe.target)
        await ear.ticks(10)
        assert ours.alive
