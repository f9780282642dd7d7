"""An answer that many want at the same time, requested only once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedAnswer(Generic[T]):
    """Callers that come while `ask` is running share its answer; those that come later start it again."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """Returns the answer. Raises what `ask` raises."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._answered)
        # A caller that goes away does not take the answer from the others.
        return await asyncio.shield(self._asking)

    def _answered(self, asking: asyncio.Future[T]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # Retrieved even if everybody has left.
