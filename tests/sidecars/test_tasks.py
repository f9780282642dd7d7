"""Tasks to which a reference is kept."""

from __future__ import annotations

import asyncio
import gc

from sidecars.tasks import Tasks


async def test_a_task_that_nobody_else_holds_runs_to_its_end_and_is_forgotten() -> None:
    tasks, ran = Tasks(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        ran.set()

    tasks.start(work())
    gc.collect()
    await asyncio.wait_for(ran.wait(), 1)
    await asyncio.sleep(0)
    assert not tasks


async def test_the_end_waits_until_all_have_ended_also_those_that_fail() -> None:
    tasks, ended = Tasks(), []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append(name)
            raise OSError(name)

    for name in ("one", "two"):
        tasks.start(work(name))
    await asyncio.sleep(0)
    await tasks.end()
    assert sorted(ended) == ["one", "two"]
    assert not tasks
