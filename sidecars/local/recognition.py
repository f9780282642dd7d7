"""Serves an `SttEngine`: a channel is an utterance, and all utterances' audio goes into the same `engine.step`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sidecars.engine import Chunked, EngineLost, Hypothesis, Interruptible, SttEngine
from sidecars.host.host import Message, options_of
from sidecars.local.engine_server import EngineServer
from sidecars.log import Event

STEP_S = 0.1
"""The longest audio of one utterance in a step (or one chunk of the engine's, if that is longer). It limits how long a
Cancel waits while a backlog is processed. With less than a chunk in a step, an engine whose step takes longer than this
would fall behind with any number of streams."""
BACKLOG_S = 60.0
"""The most audio of one utterance that waits before it is given up, because the engine is slower than speech."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Utterance:
    waiting: bytearray = field(default_factory=bytearray)
    finalizing: bool = False
    samples: int = 0
    """Samples given to the engine."""


class RecognitionServer(EngineServer):
    """The engine's side of recognition; see `sidecars.host.host` for the messages."""

    def __init__(self, engine: SttEngine, poll: Callable[[], None] = lambda: None) -> None:
        super().__init__(poll)
        self.engine = engine
        self._open: dict[int, _Utterance] = {}
        self._over: set[int] = set()
        self._chunked = engine if isinstance(engine, Chunked) else None
        step_s = max(STEP_S, self._chunked.chunk_s) if self._chunked is not None else STEP_S
        self._most = 2 * round(step_s * engine.sample_rate)
        self._interruptible = engine if isinstance(engine, Interruptible) else None
        if self._interruptible is not None:
            self._interruptible.urgent = self._urgent

    def _urgent(self) -> bool:
        """Whether somebody waits for a final or a cancellation."""
        self._poll()
        waits = any(each.finalizing for each in self._open.values())
        return waits or any(message.get("type") in ("Finalize", "Cancel", "Close") for _, message, _ in self._inbox)

    def waiting_bytes(self) -> int:
        """Bytes of audio that no step has taken yet."""
        return sum(len(each.waiting) for each in self._open.values())

    def _pending(self) -> bool:
        return any(each.waiting or each.finalizing for each in self._open.values()) or self._undone()

    def _undone(self) -> bool:
        return self._interruptible is not None and self._interruptible.undone

    def _abort(self, channel: int, *, closed: bool) -> None:
        if self._open.pop(channel, None) is not None:
            self.engine.cancel(channel)
        if closed:
            self._over.discard(channel)
        else:
            self._end(channel, "Cancelled")

    def _accept(self, channel: int, message: Message, payload: bytes) -> None:
        kind = message.get("type")
        if channel in self._over:
            return  # the client knows: it was told, or it asked for this
        utterance = self._open.get(channel)
        if kind == "Open":
            if utterance is not None:
                raise ValueError("Open: this utterance is already open")
            self.engine.open(channel, options_of(message))
            self._open[channel] = _Utterance()
        elif utterance is None:
            raise ValueError(f"{kind}: Open must come first")
        elif utterance.finalizing:
            raise ValueError(f"{kind}: this utterance was finalized")
        elif kind == "Audio":
            if len(payload) % 2:
                raise ValueError(f"Audio: {len(payload)} bytes are not whole 16-bit samples")
            if len(utterance.waiting) + len(payload) > 2 * self.engine.sample_rate * BACKLOG_S:
                raise ValueError(f"Audio: more than {BACKLOG_S:g} s wait: the engine is slower than speech")
            utterance.waiting += payload
        elif kind == "Finalize":
            utterance.finalizing = True
        else:
            raise ValueError(f"{kind!r:.80}: no such message")

    def _fail(self, channel: int, error: str) -> None:
        if self._open.pop(channel, None) is not None:
            self.engine.cancel(channel)
        self._end(channel, "Failed", error=error)

    def _work(self) -> None:
        # Finals go first: somebody waits for them, but nobody waits for a partial.
        if due := [channel for channel, each in self._open.items() if each.finalizing and not each.waiting]:
            self._finalize(due if self._chunked is not None else due[:1])
            return
        batch = {channel: bytes(each.waiting[: self._most]) for channel, each in self._open.items() if each.waiting}
        if not batch and not self._undone():
            return
        for channel, audio in batch.items():
            utterance = self._open[channel]
            del utterance.waiting[: len(audio)]
            utterance.samples += len(audio) // 2
        try:
            changed = self.engine.step(batch)
        except EngineLost:
            raise
        except Exception as error:
            log.exception(Event("recognition.failed", utterances=len(batch)))
            for channel in batch:
                self._fail(channel, f"{type(error).__name__}: {error}")
            return
        for channel, hypothesis in changed.items():
            self._say(channel, "Partial", **_told(hypothesis), samples=self._open[channel].samples)

    def _finalize(self, channels: list[int]) -> None:
        """Finalizes all of them in one batch, if the engine can."""
        try:
            if self._chunked is not None:
                finals = self._chunked.finalize_all(channels)
            else:
                finals = [self.engine.finalize(channel) for channel in channels]
        except EngineLost:
            raise
        except Exception as error:
            log.exception(Event("finalize.failed", utterances=len(channels)))
            for channel in channels:
                self._fail(channel, f"{type(error).__name__}: {error}")
            return
        for channel, hypothesis in zip(channels, finals, strict=True):
            del self._open[channel]
            self._end(channel, "Final", **_told(hypothesis))

    def _end(self, channel: int, kind: str, **fields: Any) -> None:
        self._over.add(channel)
        self._say(channel, kind, **fields, held=dict(self.engine.held()), open=len(self._open))


def _told(hypothesis: Hypothesis) -> dict[str, Any]:
    told: dict[str, Any] = {"text": hypothesis.text, "confidence": hypothesis.confidence}
    if hypothesis.words:
        told["words"] = [[word.text, word.start, word.end, word.confidence] for word in hypothesis.words]
    if hypothesis.others:
        told["others"] = list(hypothesis.others)
    return told
