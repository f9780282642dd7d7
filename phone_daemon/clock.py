"""Time. The event loop is the clock: everything waits with asyncio and takes its timestamps from `now_ns()`.

On the ordinary loop that is CLOCK_MONOTONIC. On a `SampleClockLoop` time stands still while anything can run, and then
jumps to the next timer, so a recorded call is replayed as fast as the machine allows, in an order that does not depend
on the machine. This works only while nothing waits for the outside world: a loop with neither a ready callback nor a
timer has deadlocked, and reports that.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Deadlock(RuntimeError):
    """The sample clock has neither a ready callback nor a timer: what is awaited can never happen."""


class _Jump(selectors.DefaultSelector):
    """A selector that advances the clock where another would sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise Deadlock
        # Whole nanoseconds, so that sums of frames do not differ in the last digit from run to run.
        self.now = round(self.now + max(timeout, 0.0), 9)
        return ready


class SampleClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is counted, not awaited; it starts at 0."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    def run_forever(self) -> None:
        try:
            super().run_forever()
        except Deadlock:
            waiting = ", ".join(sorted(_where(task) for task in asyncio.all_tasks(self)))
            raise Deadlock(
                f"the sample clock stands still at {self.time():.3f} s: no timer is left, so these wait for the outside"
                f" world, or for each other: {waiting or 'no task at all'}"
            ) from None

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Runs `func` at once, in this thread: while the clock stands still, a thread would take no time."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def _where(task: asyncio.Task[Any]) -> str:
    """The task's name and the line at which it waits."""
    stack = task.get_stack(limit=1)
    return f"{task.get_name()} ({stack[0].f_code.co_qualname}:{stack[0].f_lineno})" if stack else task.get_name()


def now_ns() -> int:
    """Nanoseconds of the running loop's clock: CLOCK_MONOTONIC, or counted samples in a `SampleClockLoop`."""
    loop = asyncio.get_running_loop()
    return round(loop.time() * 1e9) if isinstance(loop, SampleClockLoop) else time.monotonic_ns()


def run_counted(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` on a `SampleClockLoop`."""
    with asyncio.Runner(loop_factory=SampleClockLoop) as runner:
        return runner.run(main)
