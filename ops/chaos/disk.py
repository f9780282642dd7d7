"""The fault of a disk that accepts no more data."""

from __future__ import annotations

import asyncio
import resource

import psutil

from ops.chaos.fault import Fault, Seen
from ops.chaos.world import WORD, World

FULL_BYTES = 4096
"""The size limit for files: writes beyond it fail as on a full disk, without filling one."""


async def _full(world: World) -> Seen:
    """A call is answered, understood, and ends normally, although nothing of it can be written to disk."""
    daemons = [psutil.Process(pid) for pid in world.pids("--block")]
    before = [process.rlimit(resource.RLIMIT_FSIZE) for process in daemons]
    for process, (_, most) in zip(daemons, before, strict=True):
        process.rlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, most))
    known = world.daemon.calls()
    try:
        async with world.probe() as probe:
            await probe.answered()
            answer = await world.ask_for_appointment(probe)
            lived = probe.live
            await probe.hang_up()
        await asyncio.sleep(1.0)
    finally:
        for process, limit in zip(daemons, before, strict=True):
            process.rlimit(resource.RLIMIT_FSIZE, limit)
    [folder] = set(world.daemon.calls()) - set(known)
    kept = max((file.stat().st_size for file in folder.iterdir()), default=0)
    heard = WORD in world.turns(known)
    well = all(process.is_running() for process in daemons) and await world.healthy(30)
    what = f"{answer or 'NO ANSWER'}, {'its turns were kept' if heard else 'its turns were lost'}, {kept} bytes written"
    return Seen(lived and bool(answer) and kept <= FULL_BYTES and well, what)


FAULTS = (Fault("disk-full", "the caller is answered; only what cannot be written is lost", _full),)
