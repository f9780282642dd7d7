"""An answer that many want at the same time, requested only once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedAnswer(Generic[T]):
    """Callers that come while `ask` is running, or at most `keep_s` after it was started, share its answer; those that
    come later start it again, as do those after a failure.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], keep_s: float = 0.0) -> None:
        self._ask = ask
        self._keep_s = keep_s
        self._asked_at = 0.0
        self._asking: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """Returns the answer. Raises what `ask` raises."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= self._keep_s):
            self._asked_at = now
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._answered)
        # A caller that goes away does not take the answer from the others.
        return await asyncio.shield(self._asking)

    def _answered(self, asking: asyncio.Future[T]) -> None:
        if asking.cancelled() or asking.exception() is not None:  # Retrieved even if everybody has left.
            self._asking = None
