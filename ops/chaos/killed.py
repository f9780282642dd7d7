"""Faults of processes: each part is killed, and also frozen, which is worse: nothing refuses, and nothing answers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial

from ops.chaos.fault import Fault, Seen
from ops.chaos.world import WORD, World, freeze, thaw
from ops.witness.probe import Probe, Refused, until

AT_ONCE_S = 2.0
"""The next INVITE is answered within this long."""
CALLS = 4
"""The most live calls to place until both daemons have one."""


async def next_call(world: World, within: float = 20.0) -> float:
    """Seconds until a call is answered, retried if refused; infinite if none is."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < within:
        async with world.probe() as probe:
            try:
                await probe.answered(within)
                return loop.time() - began
            except (Refused, TimeoutError):
                await asyncio.sleep(0.2)
    return float("inf")


async def flows(probe: Probe) -> bool:
    """Whether the agent's RTP still arrives."""
    before = len(probe.rtp.packets)
    await asyncio.sleep(1.0)
    return probe.live and len(probe.rtp.packets) - before > 25


async def _part(world: World, pids: Callable[[World], list[int]], how: signal.Signals, lives: int) -> Seen:
    """Breaks one part with two calls up; `lives` of them must continue, and the next call must be answered."""
    async with world.probe() as first, world.probe() as second:
        for probe in (first, second):
            await probe.answered()
        await asyncio.sleep(0.5)
        broken = pids(world)
        if not broken:
            return Seen(False, "no such process")
        for pid in broken:
            os.kill(pid, how)
        try:
            took = await next_call(world)
            flowing = sum(await asyncio.gather(flows(first), flows(second)))
        finally:
            if how is signal.SIGSTOP:
                thaw(broken)
    well = await world.healthy(90)
    what = f"{flowing} of 2 calls continued, the next was answered after {took:.2f} s"
    return Seen(flowing >= lives and took <= AT_ONCE_S and well, what + ("" if well else "; IT DID NOT COME BACK"))


async def _edge(world: World, name: str) -> Seen:
    """Kills a part of the edge: what does not need it continues, and calls with audio work again soon."""
    async with world.probe() as probe:
        await probe.answered()
        await asyncio.sleep(0.5)
        os.kill(world.edge.pids[name], signal.SIGKILL)
        flowing = await flows(probe)
        took = await next_call(world)
    well = await world.healthy(30)
    loud = await _loud(world)
    what = f"the live call's sound {'went on' if flowing else 'ended'}, the next was answered after {took:.2f} s"
    return Seen(took < 10 and well and loud and flowing, what + ("" if loud else ", WITHOUT SOUND"))


async def _loud(world: World) -> bool:
    async with world.probe() as probe:
        try:
            await probe.answered()
            await until(lambda: any(not packet.silent for packet in probe.rtp.packets), 10)
        except (Refused, TimeoutError):
            return False
        return True


async def _speech(world: World, kind: str, how: signal.Signals) -> Seen:
    """Breaks an engine's process in mid-call: the caller is still understood and answered."""
    before = world.daemon.calls()
    async with world.probe() as probe:
        await probe.answered()
        await world.spoken(probe)
        broken = world.pids("--kind", kind)
        if how is signal.SIGKILL:
            for pid in broken:
                os.kill(pid, how)
        else:
            freeze(broken)
        try:
            await asyncio.to_thread(probe.rtp.play(world.said).done.wait, 20)
            try:
                await world.spoken(probe)
                answer = "answered"
            except TimeoutError:
                answer = "NO ANSWER"
        finally:
            if how is signal.SIGSTOP:
                thaw(broken)
        lived = probe.live
    await asyncio.sleep(1.0)
    heard = WORD in world.turns(before)
    what = f"{'understood' if heard else 'not understood'}, {answer}"
    return Seen(lived and answer == "answered" and await world.healthy(60), what)


def _line_card(world: World) -> list[int]:
    return world.pids("line_card")[:1]


def _daemon(world: World) -> list[int]:
    return world.pids("--block", "1")[:1]


def _redis(world: World) -> list[int]:
    return world.pids("redis-server")[:1]


_OTHERS = f"other calls continue, the next is answered within {AT_ONCE_S:g} s"
_ALL = f"every call continues, the next is answered within {AT_ONCE_S:g} s"
FAULTS = (
    Fault("card-killed", _OTHERS, partial(_part, pids=_line_card, how=signal.SIGKILL, lives=1)),
    Fault("card-frozen", _OTHERS, partial(_part, pids=_line_card, how=signal.SIGSTOP, lives=1)),
    Fault("daemon-killed", _OTHERS, partial(_part, pids=_daemon, how=signal.SIGKILL, lives=1)),
    Fault("daemon-frozen", _OTHERS, partial(_part, pids=_daemon, how=signal.SIGSTOP, lives=1)),
    Fault("redis-killed", _ALL, partial(_part, pids=_redis, how=signal.SIGKILL, lives=2)),
    Fault("redis-frozen", _ALL, partial(_part, pids=_redis, how=signal.SIGSTOP, lives=2)),
    Fault("edge-killed", "the live call's audio continues, new calls arrive again", partial(_edge, name="kamailio")),
    Fault("relay-killed", "the live call's audio continues, new calls arrive again", partial(_edge, name="rtpengine")),
    Fault("stt-killed", "the caller is answered", partial(_speech, kind="stt", how=signal.SIGKILL)),
    Fault("stt-frozen", "the caller is answered", partial(_speech, kind="stt", how=signal.SIGSTOP)),
    Fault("tts-killed", "the caller is answered", partial(_speech, kind="tts", how=signal.SIGKILL)),
    Fault("tts-frozen", "the caller is answered", partial(_speech, kind="tts", how=signal.SIGSTOP)),
)
