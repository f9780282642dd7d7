"""Calls every agent with every scene, at most so many at once, and measures them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import aiohttp

from ops.bench.peers.line import Recorded, call
from ops.bench.peers.peers import Peer
from ops.bench.peers.process import Agent, Event
from ops.bench.peers.score import Outcome, Usual, outcome, usual
from ops.bench.peers.servers import STT, Servers
from ops.bench.peers.transcripts import transcript
from ops.bench.turn_taking.scene import Scene
from ops.quality.transcribe import NotHeard, started
from phone_daemon.events import PTIME_S
from sidecars.local.subprocess import SubprocessHost

LATE_S = 0.06
"""A call in which the line's own tick came later than this is made again: the machine was busy."""
AGAIN = 2
"""Times that it is."""
KINDS = (
    "interruption", "remark", "pause", "echo", "whole", "cough", "television", "double talk", "yes or no", "music",
    "second talker", "hesitation", "bad line", "laugh", "digits", "announcement", "knock", "breath", "clicks",
    "spelled name", "people",
)  # fmt: skip
"""In this order a subset takes one of each, then the next of each."""


def subset(scenes: Sequence[Scene], count: int) -> list[Scene]:
    """`count` scenes, of as many kinds as there are; the same each time, and a smaller one is its beginning."""
    ranked = sorted(scenes, key=lambda scene: zlib.crc32(scene.id[::-1].encode()))
    kinds = {kind: [scene for scene in ranked if scene.kind == kind] for kind in KINDS}
    rounds = max(map(len, kinds.values()), default=0)
    return [each[place] for place in range(rounds) for each in kinds.values() if place < len(each)][:count]


class Bench:
    """The scenes, and how many calls there are at once."""

    def __init__(self, scenes: Sequence[Scene], jobs: int, advance: Callable[[], None]) -> None:
        self._scenes = scenes
        self._jobs = asyncio.Semaphore(jobs)
        self._advance = advance

    async def played(self, peers: Sequence[Peer]) -> dict[str, list[Outcome]]:
        """Outcomes by the peer's name. Raises `NotThere`."""
        async with AsyncExitStack() as stack:
            where = await stack.enter_async_context(Servers())
            host = SubprocessHost("stt", STT, {})
            await stack.enter_async_context(started(host))
            agents = [await stack.enter_async_context(Agent(peer.name, peer.command(where))) for peer in peers]
            found = await asyncio.gather(*(self._all(agent, host) for agent in agents))
        return {peer.name: outcomes for peer, outcomes in zip(peers, found, strict=True)}

    async def _all(self, agent: Agent, host: SubprocessHost) -> list[Outcome]:
        known = Usual(0, 1, frozenset())
        replies = [scene for scene in self._scenes if scene.when == "reply"]
        if replies:
            try:
                quiet, *_ = await self._call(agent, replies[0], silent=True)
                known = usual(quiet, await transcript(host, quiet))
            except (aiohttp.ClientError, ConnectionError, NotHeard, ValueError) as error:
                why = f"the call in which nothing happens: {error or type(error).__name__}"
                return [Outcome(scene.id, scene.kind, scene.wants, failed=why) for scene in self._scenes]
        self._advance()
        found = []
        for scene in self._scenes:
            try:
                recorded, events, cpu, memory_mb = await self._call(agent, scene)
                told = outcome(recorded, events, known, await transcript(host, recorded))
                found.append(replace(told, cpu=cpu, memory_mb=memory_mb))
            except (aiohttp.ClientError, ConnectionError, NotHeard) as error:
                failed = str(error) or type(error).__name__
                found.append(Outcome(scene.id, scene.kind, scene.wants, failed=failed))
            self._advance()
        return found

    async def _call(
        self, agent: Agent, scene: Scene, *, silent: bool = False
    ) -> tuple[Recorded, list[Event], float, float]:
        for attempt in range(AGAIN + 1):
            id = f"{scene.id}-{'quiet' if silent else 'call'}-{attempt}"
            async with self._jobs:
                before = agent.cpu_s()
                recorded = await call(agent.url, id, scene, silent=silent)
                events = await agent.events(id)
                cpu = (agent.cpu_s() - before) / (len(recorded.levels) * PTIME_S)
            if recorded.late_s <= LATE_S:
                break
        return recorded, events, round(cpu, 4), round(agent.memory_mb(), 1)
