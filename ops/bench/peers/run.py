"""Calls every agent with every scene, with a limited number of calls at once, and measures them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import aiohttp

from ops.bench.peers.line import Recorded, call
from ops.bench.peers.peers import Peer
from ops.bench.peers.process import Agent, Event
from ops.bench.peers.score import Outcome, Usual, outcome, stopped_at, usual
from ops.bench.peers.servers import STT, Servers
from ops.bench.peers.transcripts import transcript
from ops.bench.turn_taking.scene import Scene
from ops.quality.transcribe import NotHeard, started
from phone_daemon.events import PTIME_S
from phone_daemon.media.wav import WavError
from sidecars.host.host import Host
from sidecars.local.subprocess import SubprocessHost

LATE_S = 0.06
"""A call whose line ticked later than this is repeated: the machine was busy."""
AGAIN = 1
"""How often it is repeated."""
KINDS = (
    "interruption", "remark", "pause", "echo", "whole", "cough", "television", "double talk", "yes or no", "music",
    "second talker", "hesitation", "bad line", "laugh", "digits", "announcement", "knock", "breath", "clicks",
    "spelled name", "people",
)  # fmt: skip
"""In this order a subset takes one scene of each kind, then the next of each."""


def subset(scenes: Sequence[Scene], count: int) -> list[Scene]:
    """`count` scenes of as many kinds as there are; deterministic, and a smaller subset is a prefix of a larger one."""
    ranked = sorted(scenes, key=lambda scene: zlib.crc32(scene.id[::-1].encode()))
    kinds = {kind: [scene for scene in ranked if scene.kind == kind] for kind in KINDS}
    rounds = max(map(len, kinds.values()), default=0)
    return [each[place] for place in range(rounds) for each in kinds.values() if place < len(each)][:count]


@dataclass(frozen=True, slots=True)
class Call:
    """A completed call, and its cost."""

    recorded: Recorded
    events: Sequence[Event]
    cpu: float
    """For the agent's processes, seconds of a core per second of call."""
    memory_mb: float


class Bench:
    """The scenes, and how many calls run at once."""

    def __init__(self, scenes: Sequence[Scene], jobs: int, advance: Callable[[], None]) -> None:
        self._scenes = scenes
        self._jobs = asyncio.Semaphore(jobs)
        self._advance = advance

    async def played(self, peers: Sequence[Peer]) -> dict[str, list[Outcome]]:
        """Outcomes by the peer's name. Raises `NotThere`."""
        async with AsyncExitStack() as stack:
            where = await stack.enter_async_context(Servers())
            agents = [await stack.enter_async_context(Agent(peer.name, peer.command(where))) for peer in peers]
            made = await asyncio.gather(*(self._all(agent) for agent in agents))
        # Only now, so that transcribing the recordings delays no call.
        async with started(SubprocessHost("stt", STT, {})) as host:
            found = [await self._scored(calls, host) for calls in made]
        return {peer.name: outcomes for peer, outcomes in zip(peers, found, strict=True)}

    async def _all(self, agent: Agent) -> list[Call | str]:
        """Makes all calls to one agent; a call that failed is replaced by text. Nothing happens in the first call: it
        shows how the reply usually sounds, and bears the cost of anything that the process loads late.
        """
        replies = [scene for scene in self._scenes if scene.when == "reply"]
        quiet = await self._call(agent, (replies or self._scenes)[0], silent=True)
        if replies and not isinstance(quiet, str) and quiet.recorded.reply_at is None:
            quiet = await self._call(agent, replies[0], silent=True)
        return [quiet, *[await self._call(agent, scene) for scene in self._scenes]]

    async def _scored(self, calls: Sequence[Call | str], host: Host) -> list[Outcome]:
        quiet, *rest = calls
        known: Usual | str = Usual(0, 1, frozenset())
        try:
            if isinstance(quiet, str):
                known = quiet
            elif quiet.recorded.scene.when == "reply":
                known = usual(quiet.recorded, await transcript(host, quiet.recorded))
        except (NotHeard, ValueError) as error:
            known = f"the call in which nothing happens: {error}"
        return [await _outcome(scene, each, known, host) for scene, each in zip(self._scenes, rest, strict=True)]

    async def _call(self, agent: Agent, scene: Scene, *, silent: bool = False) -> Call | str:
        try:
            for attempt in range(AGAIN + 1):
                async with self._jobs:
                    made = await _made(agent, f"{scene.id}-{'quiet' if silent else 'call'}-{attempt}", scene, silent)
                if made.recorded.late_s <= LATE_S:
                    break
            return made
        except (aiohttp.ClientError, OSError, WavError) as error:
            return str(error) or type(error).__name__
        finally:
            self._advance()


async def _made(agent: Agent, id: str, scene: Scene, silent: bool) -> Call:
    before = agent.cpu_s()
    recorded = await call(agent.url, id, scene, silent=silent)
    events = await agent.events(id)
    cpu = (agent.cpu_s() - before) / (len(recorded.levels) * PTIME_S)
    return Call(recorded, events, round(cpu, 4), round(agent.memory_mb(), 1))


async def _outcome(scene: Scene, made: Call | str, known: Usual | str, host: Host) -> Outcome:
    try:
        if isinstance(made, str) or isinstance(known, str):
            raise ValueError(made if isinstance(made, str) else known)
        recorded = made.recorded
        broken = recorded.reply_at is not None and stopped_at(recorded, known) is not None
        text = await transcript(host, recorded) if scene.when == "reply" and broken else ""
        return replace(outcome(recorded, made.events, known, text), cpu=made.cpu, memory_mb=made.memory_mb)
    except (NotHeard, ValueError) as error:
        return Outcome(scene.id, scene.kind, scene.wants, failed=str(error))
