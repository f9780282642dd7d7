"""The fault of a clock that is set, in every process of a separate world: an hour forward and an hour back."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.chaos.fault import Fault, Seen
from ops.chaos.killed import AT_ONCE_S, flows, next_call
from ops.chaos.world import World, world

STEPS_S = (3600, -3600)
SETTLE_S = 3.0
"""Wait after a step: by then leases are checked, cards are probed, and the relay has looked for ended streams."""


class Clock:
    """The wall clock of every process that is started `within` it; the monotonic clock is not affected."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, seconds: int) -> None:
        """Sets the clock to this distance from the real one."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    @contextmanager
    def within(self) -> Iterator[None]:
        """Raises `FileNotFoundError` if Debian's faketime is not installed."""
        if shutil.which("faketime") is None:
            raise FileNotFoundError("faketime is not installed: apt-get install faketime")
        fake = {
            "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
        before = {name: os.environ.get(name) for name in fake}
        os.environ.update(fake)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


async def _set(_: World) -> Seen:
    """Two calls are up while the clock is set; the agent must still answer, and the next call must be accepted."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        clock = Clock(Path(folder))
        with clock.within():
            async with world(Path(folder)) as made:
                return await _steps(made, clock)


async def _steps(made: World, clock: Clock) -> Seen:
    known = made.daemon.calls()
    told: list[str] = []
    held = True
    async with made.probe() as first, made.probe() as second:
        for probe in (first, second):
            await probe.answered()
        await made.spoken(first)
        for step in STEPS_S:
            clock.set(step)
            await asyncio.sleep(SETTLE_S)
            took = await next_call(made)
            flowing = sum(await asyncio.gather(flows(first), flows(second)))
            told.append(
                f"{step // 3600:+d} h: {flowing} of 2 calls continued, the next was answered after {took:.2f} s"
            )
            held = held and flowing == 2 and took <= AT_ONCE_S
        answer = await made.ask_for_appointment(first)
        await first.hang_up()
    await asyncio.sleep(1.0)
    heard = "appointment" in made.turns(known)
    told.append(f"then {'understood' if heard else 'not understood'}, {answer or 'NO ANSWER'}")
    return Seen(held and bool(answer) and heard and await made.healthy(), "; ".join(told))


FAULTS = (
    Fault(
        "clock-set",
        f"an hour forward, an hour back: every call continues, the next is answered within {AT_ONCE_S:g} s",
        _set,
    ),
)
