"""Calls that are held side by side for minutes, in which callers ask, listen, and interrupt."""

from __future__ import annotations

import asyncio
import random
import wave
from dataclasses import dataclass

from ops.chaos.load import measured
from ops.chaos.load.caller import Caller, Told
from ops.chaos.load.fleet import Fleet, Tell
from ops.chaos.load.measured import Spent, Turns
from ops.chaos.load.media import Media
from ops.chaos.world import ROOT

QUESTION = ROOT / "fixtures/calls/asks_hours_twice/when.wav"
NEW_A_SECOND = 4.0
"""How fast the calls begin."""
RINGING_S = 60.0
GONE_S = 2.0
"""Wait after the last BYE before the turn logs are read."""


@dataclass(frozen=True, slots=True)
class Held:
    """The outcome."""

    calls: int
    seconds: float
    told: list[Told]
    late_ns: list[int]
    turns: Turns
    spent: Spent


async def held(fleet: Fleet, calls: int, seconds: float, tell: Tell) -> Held:
    """Holds `calls` calls for `seconds` once all are up."""
    loop = asyncio.get_running_loop()
    said = question()
    known = set(fleet.daemon.calls())
    with Media() as media:
        callers = [Caller(fleet.uri(), media.end(), said, f"load-{at}") for at in range(calls)]
        tasks: list[asyncio.Task[Told]] = []
        try:
            for caller in callers:
                tasks.append(asyncio.create_task(caller.hold()))
                await asyncio.sleep(random.uniform(0.5, 1.5) / NEW_A_SECOND)
            await asyncio.wait_for(asyncio.gather(*(caller.ready.wait() for caller in callers)), RINGING_S)
            before, began = fleet.use(), loop.time()
            for caller in callers:
                caller.until = began + seconds
            while (passed := loop.time() - began) < seconds and not all(task.done() for task in tasks):
                lost = sum(bool(caller.told.why) for caller in callers)
                tell(passed / seconds, f"{calls} calls, {lost} lost")
                await asyncio.sleep(min(0.5, seconds - passed))
            after = fleet.use()
            told = list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        late = media.late_ns[:].tolist()
    await asyncio.sleep(GONE_S)
    new = [folder for folder in fleet.daemon.calls() if folder not in known]
    return Held(calls, seconds, told, late, measured.turns(new), measured.spent(before, after))


def question() -> bytes:
    """A recorded caller's question, 8 kHz 16-bit."""
    with wave.open(str(QUESTION)) as file:
        return bytes(file.readframes(file.getnframes()))
