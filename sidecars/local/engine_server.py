"""The engine's side of every channel, without any I/O: takes messages, does one small piece of work at a time, and
returns messages.

A host calls `receive` with what has arrived and `step` while `busy`. Whatever is to be stopped is stopped before
anything else is done, so a Cancel waits for at most one piece of work.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sidecars.engine import EngineFull
from sidecars.host.host import Letter, Message


def _aborts(message: Message) -> bool:
    """Whether the message ends its work. `Close` is a host's own message for a channel that nobody reads anymore; it is
    like Cancel, but is never answered.
    """
    return message.get("type") in ("Cancel", "Close")


class EngineServer(ABC):
    """Serves one engine to many channels. `poll` is called, even in the middle of long work, to `receive` what has
    come.
    """

    def __init__(self, poll: Callable[[], None] = lambda: None) -> None:
        self._poll = poll
        self._inbox: deque[Letter] = deque()
        self._out: list[Letter] = []

    def receive(self, channel: int, message: Message, payload: bytes = b"") -> None:
        """Takes a message; nothing happens until the next `step`."""
        self._inbox.append((channel, message, payload))

    @property
    def voices(self) -> Sequence[str]:
        """Synthesis: the engine's voices, the default first. Recognition: empty."""
        return ()

    @property
    def busy(self) -> bool:
        """Whether `step` has something to do."""
        return bool(self._inbox) or self._pending()

    def step(self) -> list[Letter]:
        """Does one piece of work and returns the messages to send. An exception means that the engine is unusable."""
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
        """Whether an abort of `channel` has arrived that was not handled yet."""
        self._poll()
        return any(to == channel and _aborts(message) for to, message, _ in self._inbox)

    @abstractmethod
    def _pending(self) -> bool: ...

    @abstractmethod
    def _abort(self, channel: int, *, closed: bool) -> None: ...

    @abstractmethod
    def _accept(self, channel: int, message: Message, payload: bytes) -> None:
        """Handles a message. Raises `ValueError` or `EngineFull` if that is impossible; then `_fail` is called."""

    @abstractmethod
    def _fail(self, channel: int, error: str) -> None: ...

    @abstractmethod
    def _work(self) -> None: ...
