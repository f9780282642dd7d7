"""Serves a `TtsEngine`, which speaks one text at a time: channels take turns, text by text."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from sidecars.engine import Chunk, TtsEngine
from sidecars.host.host import Message, options_of
from sidecars.local.engine_server import EngineServer
from sidecars.log import Event

MAX_WAITING = 64
"""The most texts of one channel that wait."""
MAX_TEXT = 5000
"""The most characters in one text."""

log = logging.getLogger(__name__)


class SynthesisServer(EngineServer):
    """The engine's side of synthesis; see `sidecars.host.host` for the messages."""

    def __init__(self, engine: TtsEngine, poll: Callable[[], None] = lambda: None) -> None:
        super().__init__(poll)
        self.engine = engine
        self._waiting: dict[int, deque[tuple[str, Mapping[str, Any]]]] = {}
        """The waiting texts by channel; the channel whose turn it is comes first."""
        self._speaking: tuple[int, Generator[Chunk]] | None = None

    @property
    def voices(self) -> Sequence[str]:
        return tuple(self.engine.voices())

    def _pending(self) -> bool:
        return self._speaking is not None or bool(self._waiting)

    def _abort(self, channel: int, *, closed: bool) -> None:
        self._waiting.pop(channel, None)
        if self._speaking is not None and self._speaking[0] == channel:
            self._end()
        if not closed:
            self._say(channel, "Cancelled")

    def _accept(self, channel: int, message: Message, payload: bytes) -> None:
        kind, text = message.get("type"), message.get("text")
        if kind != "Speak":
            raise ValueError(f"{kind!r:.80}: no such message")
        if not isinstance(text, str):
            raise ValueError(f"Speak: text must be a string, not {text!r:.80}")
        if len(text) > MAX_TEXT:
            raise ValueError(f"Speak: {len(text)} characters at once; {MAX_TEXT} is the most")
        options = options_of(message)
        if (before := message.get("before")) and getattr(self.engine, "continues", False):
            options = {**options, "before": str(before)[-MAX_TEXT:]}
        queue = self._waiting.setdefault(channel, deque())
        if len(queue) >= MAX_WAITING:
            raise ValueError(f"Speak: {MAX_WAITING} texts are already waiting")
        queue.append((text, options))

    def _fail(self, channel: int, error: str) -> None:
        self._say(channel, "Failed", error=error)

    def _work(self) -> None:
        if self._speaking is None:
            if not self._waiting:
                return
            channel = next(iter(self._waiting))
            queue = self._waiting.pop(channel)
            text, options = queue.popleft()
            if queue:
                self._waiting[channel] = queue
            self._speaking = (channel, self._spoken(channel, text, options))
        channel, chunks = self._speaking
        try:
            chunk = next(chunks, None)
        except Exception as error:
            if not isinstance(error, ValueError):  # not a bad option, but the engine's own fault
                log.exception(Event("synthesis.failed"))
            self._end()
            self._fail(channel, f"{type(error).__name__}: {error}")
            return
        if chunk is None:
            self._speaking = None
        if self._stopping(channel):
            return  # the abort is answered in the next step, and nothing may precede its answer
        if chunk is None:
            self._say(channel, "Done")
        else:
            self._say(channel, "Chunk", chunk.pcm, marks=[list(mark) for mark in chunk.marks])

    def _spoken(self, channel: int, text: str, options: Mapping[str, Any]) -> Generator[Chunk]:
        """Speaks a text. The engine is not called before the first `next`, so that whatever it raises is that text's
        failure.
        """
        yield from self.engine.speak(text, options, lambda: self._stopping(channel))

    def _end(self) -> None:
        """Drops the text being spoken, so that the engine is free for the next."""
        if self._speaking is not None:
            chunks, self._speaking = self._speaking[1], None
            chunks.close()
