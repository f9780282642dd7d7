"""Keeps references to tasks until they end, because asyncio itself holds them so weakly that they may vanish."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """The running tasks. A task that has ended is forgotten, along with its error."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(self._running.copy())

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Runs `work` as a task."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """Cancels all tasks."""
        for task in self:
            task.cancel()

    async def end(self) -> None:
        """Cancels all tasks, and waits until they have ended."""
        self.cancel()
        await self.ended()

    async def ended(self) -> None:
        """Waits until all tasks have ended, whatever their outcome."""
        await asyncio.gather(*self, return_exceptions=True)
