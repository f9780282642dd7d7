"""Time. The event loop is the clock: everything waits with asyncio and stamps with `now_ns()`.

On the ordinary loop that is CLOCK_MONOTONIC. On a `SampleClockLoop` time stands still while anything can run and
then jumps to the next timer, so a recorded call is replayed as fast as the machine allows, in an order that does
not depend on the machine. That works only while nothing waits for the outside world: a loop left with neither a
ready callback nor a timer has deadlocked, and says so.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    """A selector that moves the clock where another would sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("the sample clock has nothing left to wait for: something waits for the outside world")
        # Whole nanoseconds, so that sums of frames do not drift apart in the last digit from run to run.
        self.now = round(self.now + max(timeout, 0.0), 9)
        return ready


class SampleClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is counted, not waited for; starts at 0."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def now_ns() -> int:
    """Nanoseconds of the running loop's clock: CLOCK_MONOTONIC, or counted samples in a `SampleClockLoop`."""
    loop = asyncio.get_running_loop()
    return round(loop.time() * 1e9) if isinstance(loop, SampleClockLoop) else time.monotonic_ns()


def run_counted(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` on a `SampleClockLoop`."""
    with asyncio.Runner(loop_factory=SampleClockLoop) as runner:
        return runner.run(main)
