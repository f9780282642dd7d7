"""Runs the engine in this process, on the event loop: deterministic, and suited to replays on a simulated clock.

Recognition blocks the loop while it works, so live calls should use `SubprocessHost`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from sidecars.engine import load
from sidecars.host.channel import QueueChannel
from sidecars.host.channels import Channels
from sidecars.host.host import HostLost, Kind, Message
from sidecars.local.engine_server import EngineServer
from sidecars.local.recognition import RecognitionServer
from sidecars.local.synthesis import SynthesisServer
from sidecars.log import Event

log = logging.getLogger(__name__)


class InlineHost:
    """A `Host` without its own process. It works piece by piece, between the loop's other callbacks."""

    sample_rate = 0
    voices: Sequence[str] = ()

    def __init__(self, kind: Kind, engine: str, options: Mapping[str, object]) -> None:
        self._kind: Kind = kind
        self._engine = engine
        self._options = options
        self._server: EngineServer | None = None
        self._channels = Channels(self._deliver)
        self._turn: asyncio.Handle | None = None

    @property
    def problem(self) -> str:
        return "" if self._server is not None else "its engine does not run"

    async def start(self) -> None:
        try:
            engine = load(self._engine, self._options)
        except Exception as error:
            raise HostLost(f"{self._kind} engine {self._engine!r}: {error}") from error
        self.sample_rate = engine.sample_rate
        self._server = RecognitionServer(engine) if self._kind == "stt" else SynthesisServer(engine)
        self.voices = self._server.voices

    def open(self, call: str = "") -> QueueChannel:
        down = f"{self._kind} engine {self._engine!r} does not run" if self._server is None else ""
        return self._channels.open(self.sample_rate, down=down)

    async def close(self) -> None:
        self._stop(f"{self._kind} engine {self._engine!r} was shut down")

    def _deliver(self, number: int, message: Message, payload: bytes) -> None:
        if self._server is None:
            return
        if message.get("type") == "Close":
            self._channels.pop(number, None)
        self._server.receive(number, message, payload)
        self._go_on()

    def _go_on(self) -> None:
        if self._turn is None and self._server is not None and self._server.busy:
            self._turn = asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        self._turn = None
        assert self._server is not None
        try:
            letters = self._server.step()
        except Exception as error:
            log.exception(Event("engine.failed", engine=self._engine))
            self._stop(f"{self._kind} engine {self._engine!r} failed: {error}")
            return
        for letter in letters:
            self._channels.put(*letter)
        self._go_on()

    def _stop(self, reason: str) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._server = None
        self._channels.lose(reason)
