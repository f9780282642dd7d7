"""A caller of a load test: asks, listens for a while, interrupts, listens to the end, and asks again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ops.chaos.load.media import LeanEnd
from ops.witness.probe import Probe, Refused

PATIENCE_S = 12.0
"""An agent that has not said anything by then does not answer."""
LONGEST_REPLY_S = 25.0
PAUSE_S = 0.6
"""The agent has finished when it has been silent for this long."""
BEFORE_CUT_S = (0.5, 2.0)
"""How much of an answer the caller listens to before interrupting it."""
LOOK_S = 0.05


@dataclass(slots=True)
class Told:
    """What one caller has observed."""

    name: str
    why: str = ""
    """Why the call was lost; empty if it was not."""
    asked: int = 0
    unanswered: int = 0
    answered_s: float = 0.0
    """The time from the INVITE to 200 OK."""
    heard_s: float = 0.0
    """The time from 200 OK to the agent's first sound."""
    end: LeanEnd | None = None


@dataclass(slots=True)
class Caller:
    """`await Caller(uri, end, said).hold()`. `said`: 8 kHz 16-bit PCM, the question."""

    uri: str
    end: LeanEnd
    said: bytes
    name: str
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the call is answered, or lost."""
    until: float = float("inf")
    """When to hang up, in the event loop's time; may be set while it calls."""
    told: Told = field(init=False)

    def __post_init__(self) -> None:
        self.told = Told(self.name)

    async def hold(self) -> Told:
        """Converses until `end`; never raises, and returns what was observed."""
        return await self._call(self._talk)

    async def visit(self, seconds: float) -> Told:
        """Hangs up after that long, or, if the agent has not been heard by then, once it is."""
        loop = asyncio.get_running_loop()

        async def listen(probe: Probe) -> None:
            began = loop.time()
            await self._greeted(probe)
            self.told.heard_s = loop.time() - began
            await asyncio.sleep(max(0.0, began + seconds - loop.time()))

        return await self._call(listen)

    async def _call(self, does: Callable[[Probe], Awaitable[None]]) -> Told:
        loop = asyncio.get_running_loop()
        told, began = self.told, loop.time()
        told.end = self.end
        try:
            async with Probe(self.uri, caller=self.name, rtp=self.end) as probe:
                await probe.answered(30.0)
                told.answered_s = loop.time() - began
                self.ready.set()
                await does(probe)
                if not probe.live:
                    told.why = f"the daemon ended it after {loop.time() - began:.1f} s"
                elif not self.end.heard:
                    told.why = "the agent was not heard"
                elif (answer := await probe.hang_up()) != 200:
                    told.why = f"BYE was answered with {answer}"
        except (Refused, TimeoutError) as error:
            told.why = str(error) or f"not answered within {loop.time() - began:.0f} s"
        except Exception as error:
            told.why = f"{type(error).__name__}: {error}"
        finally:
            self.ready.set()
        return told

    def _on(self, probe: Probe) -> bool:
        return probe.live and asyncio.get_running_loop().time() < self.until

    async def _while(self, probe: Probe, condition: Callable[[], object], seconds: float) -> None:
        """Waits while `condition` holds and the call continues, but at most this long."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while condition() and self._on(probe) and loop.time() < limit:  # noqa: ASYNC110 (a thread)
            await asyncio.sleep(LOOK_S)

    async def _greeted(self, probe: Probe) -> None:
        await self._while(probe, lambda: not self.end.heard, PATIENCE_S)

    async def _talk(self, probe: Probe) -> None:
        await self._greeted(probe)
        while self._on(probe):
            await self._while(probe, self._speaks, LONGEST_REPLY_S)
            if await self._ask(probe):
                await self._while(probe, lambda: True, random.uniform(*BEFORE_CUT_S))
                await self._ask(probe)

    def _speaks(self) -> bool:
        return time.monotonic_ns() - self.end.loud_ns < PAUSE_S * 1e9

    async def _ask(self, probe: Probe) -> bool:
        """Asks the question; returns whether the agent has answered, and is now speaking."""
        if not self._on(probe):
            return False
        played = self.end.play(self.said)
        await self._while(probe, lambda: not played.done.is_set(), PATIENCE_S)
        # Audio just after the question may be the end of the reply that the question interrupts.
        since_ns = time.monotonic_ns() + 200_000_000
        await self._while(probe, lambda: self.end.loud_ns <= since_ns, PATIENCE_S)
        answered = self.end.loud_ns > since_ns
        if self._on(probe):
            self.told.asked += 1
            self.told.unanswered += not answered
        return answered
