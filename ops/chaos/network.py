"""Faults of the network: lost, late, reordered, duplicated, missing, and forged packets."""

from __future__ import annotations

import asyncio
import socket
import struct
from functools import partial

from ops.chaos.fault import Fault, Seen
from ops.chaos.relay import Relay, Weather
from ops.chaos.world import RTP_TIMEOUT_S, WORD, World, gap_ms
from ops.witness.rtp import to_ulaw


async def _weather(world: World, weather: Weather, understood: bool, backwards: int = 1) -> Seen:
    """A call over a bad network; `understood`: whether the words must arrive, or an answer of the agent is enough."""
    before = world.daemon.calls()
    async with world.probe() as probe:
        await probe.answered()
        assert probe.rtp.target is not None
        probe.rtp.backwards = backwards
        async with Relay(probe.rtp.target, weather) as relay:
            probe.rtp.aim("127.0.0.1", relay.port)
            answer = await world.ask_for_appointment(probe)
            lived = probe.live
            await probe.hang_up()
            lost = relay.lost / max(1, relay.lost + relay.passed)
    await asyncio.sleep(1.0)
    heard = WORD in world.turns(before)
    what = f"{'understood' if heard else 'not understood'}, {answer or 'NO ANSWER'}, {100 * lost:.1f} % lost"
    return Seen(lived and bool(answer) and (heard or not understood), what)


async def _rtp_gone(world: World) -> Seen:
    async with world.probe() as probe:
        await probe.answered()
        await asyncio.sleep(1.0)
        probe.rtp.sending = False
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            how = await probe.ended(RTP_TIMEOUT_S + 15)
        except TimeoutError:
            return Seen(False, "the call went on")
        return Seen(how == "bye", f"BYE after {loop.time() - began:.1f} s")


async def _injected(world: World) -> Seen:
    """A stranger sends loud speech to the call's port on the edge, in the call's own format."""
    before = world.daemon.calls()
    async with world.probe() as probe:
        await probe.answered()
        await world.spoken(probe)
        assert probe.rtp.target is not None
        ulaw = to_ulaw(world.said)
        got = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.setblocking(False)
            for at in range(world.size.injected):
                frame = ulaw[at * 160 % len(ulaw) :][:160].ljust(160, b"\xff")
                header = struct.pack("!BBHII", 0x80, 0, at, at * 160, 0x1234)
                stranger.sendto(header + frame, probe.rtp.target)
                # All are sent before the agent hangs up on a caller who says nothing.
                await asyncio.sleep(0.001)
                try:
                    while stranger.recv(2048):
                        got += 1
                except BlockingIOError:
                    pass
        await asyncio.sleep(1.0)
        lived, gap = probe.live, gap_ms(probe.rtp.packets)
    await asyncio.sleep(1.0)
    heard = world.turns(before)
    what = (
        f"{world.size.injected} sent: heard {heard.strip()!r}, {got} sent back, the call's RTP gap p99.9 {gap:.0f} ms"
    )
    if not lived:
        what += ", hung up on"
    return Seen(lived and not got and WORD not in heard, what)


def _bad(name: str, must: str, weather: Weather, *, understood: bool = True, backwards: int = 1) -> Fault:
    return Fault(name, must, partial(_weather, weather=weather, understood=understood, backwards=backwards))


FAULTS = (
    _bad("loss-1", "the caller is understood and answered", Weather(loss=0.01)),
    _bad("loss-5", "the caller is understood and answered", Weather(loss=0.05)),
    _bad("loss-20", "the call continues, the agent answers", Weather(loss=0.2), understood=False),
    _bad("jitter-60ms", "the caller is understood and answered", Weather(jitter_s=0.06)),
    _bad("reorder", "the caller is understood and answered", Weather(reorder=0.05)),
    _bad("backwards", "3, 2, 1, 6, 5, 4 …: the caller is understood and answered", Weather(), backwards=3),
    _bad("duplicate", "the caller is understood and answered", Weather(duplicate=0.1)),
    Fault("rtp-gone", f"the call is ended, {RTP_TIMEOUT_S:g} s later", _rtp_gone),
    Fault("rtp-injected", "nothing of it is heard, nothing is sent there", _injected),
)
