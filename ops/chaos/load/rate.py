"""Many short calls at a steady rate: each must be answered, hear the agent, and be hung up properly."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from ops.bench.figure import Figure
from ops.chaos.load import measured
from ops.chaos.load.caller import Caller, Told
from ops.chaos.load.fleet import Fleet, Tell
from ops.chaos.load.media import Media
from ops.report.stats import quantiles

TALK_S = 3.0
"""How long a caller listens; the greeting begins within the first second."""
SWEEP_S = 20.0
"""Recordings of calls that are over are removed this often: ten thousand would fill a disk."""
TELL_S = 0.5


async def rate(fleet: Fleet, calls: int, per_second: float, tell: Tell) -> list[Figure]:
    """Makes `calls` calls, `per_second` of them a second, regardless of what happens to the others."""
    loop = asyncio.get_running_loop()
    over: list[Told] = []
    with Media() as media:

        async def one(at: int) -> None:
            caller = Caller(fleet.uri(), media.end(), b"", f"load-{at}")
            told = await caller.visit(TALK_S)
            told.end = None  # What arrived is not needed any more.
            over.append(told)

        sweeping = asyncio.create_task(_sweep(fleet))
        tasks: set[asyncio.Task[None]] = set()
        most, before, began = 0, fleet.use(), loop.time()
        shown = 0.0
        try:
            for at in range(calls):
                await asyncio.sleep(max(0.0, began + at / per_second - loop.time()))
                task = asyncio.create_task(one(at))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                most = max(most, len(tasks))
                if loop.time() - shown >= TELL_S:
                    shown = loop.time()
                    failed = sum(bool(each.why) for each in over)
                    tell(at / calls, f"{len(over)} calls over, {failed} failed")
            await asyncio.gather(*tasks)
        finally:
            sweeping.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(sweeping, *tasks, return_exceptions=True)
        took, after = loop.time() - began, fleet.use()
    return [*_figures(over, most, took, measured.spent(before, after)), fleet.complaints()]


def _figures(told: list[Told], most: int, seconds: float, spent: measured.Spent) -> list[Figure]:
    failed = measured.lost(told)
    figures = [Figure("calls that failed", failed.value, "", 0, failed.note)]
    for name, took in (
        ("INVITE to 200 OK p99", [each.answered_s for each in told if each.answered_s]),
        ("200 OK to the first sound p99", [each.heard_s for each in told if each.heard_s]),
    ):
        if took:
            s = quantiles(took)
            figures.append(Figure(name, s["p99"], "s", None, f"p50 {s['p50']:.2f}, latest {s['max']:.2f}"))
    figures.append(Figure("rate", len(told) / seconds, "calls/s", None, f"at most {most} at a time"))
    return [*figures, *spent.figures(max(1, most))]


async def _sweep(fleet: Fleet) -> None:
    """Removes the files of calls that are over."""
    while True:
        await asyncio.sleep(SWEEP_S)
        await asyncio.to_thread(_remove, fleet.daemon.calls()[:-200])


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
