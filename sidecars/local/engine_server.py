"""The engine's side of every channel, without any I/O: messages in, one small piece of work at a time, messages out.

A host calls `receive` for what has arrived and `step` while `busy`. What is to be stopped is stopped before
anything else is done, so a Cancel waits for one piece of work at most.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sidecars.engine import EngineFull
from sidecars.host.host import Letter, Message


def _aborts(message: Message) -> bool:
    """`Close` is a host's own word for a channel that nobody reads any more: like Cancel, and never answered."""
    return message.get("type") in ("Cancel", "Close")


class EngineServer(ABC):
    """Serves one engine to many channels. `poll` is asked, in the middle of long work too, to `receive` what came."""

    def __init__(self, poll: Callable[[], None] = lambda: None) -> None:
        self._poll = poll
        self._inbox: deque[Letter] = deque()
        self._out: list[Letter] = []

    def receive(self, channel: int, message: Message, payload: bytes = b"") -> None:
        """Takes a message; nothing happens until the next `step`."""
        self._inbox.append((channel, message, payload))

    @property
    def voices(self) -> Sequence[str]:
        """Synthesis: the engine's voices, the default first. Recognition: none."""
        return ()

    @property
    def busy(self) -> bool:
        """Whether `step` has something to do."""
        return bool(self._inbox) or self._pending()

    def step(self) -> list[Letter]:
        """Does one piece of work and returns what it has to say. An exception means that the engine is unusable."""
        self._poll()
        letters = list(self._inbox)
        self._inbox.clear()
        aborted: dict[int, int] = {}
        for place, (channel, message, _) in enumerate(letters):
            if _aborts(message):
                aborted[channel] = place
                self._abort(channel, closed=message["type"] == "Close")
        for place, (channel, message, payload) in enumerate(letters):
            if place > aborted.get(channel, -1):
                try:
                    self._accept(channel, message, payload)
                except (ValueError, EngineFull) as error:
                    self._fail(channel, str(error))
        self._work()
        out, self._out = self._out, []
        return out

    def _say(self, channel: int, kind: str, payload: bytes = b"", **fields: Any) -> None:
        self._out.append((channel, {"type": kind, **fields}, payload))

    def _stopping(self, channel: int) -> bool:
        """Whether an abort of `channel` has arrived that was not taken yet."""
        self._poll()
        return any(to == channel and _aborts(message) for to, message, _ in self._inbox)

    @abstractmethod
    def _pending(self) -> bool: ...

    @abstractmethod
    def _abort(self, channel: int, *, closed: bool) -> None: ...

    @abstractmethod
    def _accept(self, channel: int, message: Message, payload: bytes) -> None:
        """Raises `ValueError` or `EngineFull` for a message that cannot be done; `_fail` is called then."""

    @abstractmethod
    def _fail(self, channel: int, error: str) -> None: ...

    @abstractmethod
    def _work(self) -> None: ...
