"""Runs the engine in this process, in its own thread, with only a queue between it and its client.

The costs: Python code of the engine and of its client wait for each other, an engine that crashes takes everything down
with it, and one that hangs cannot be killed. An engine that raises an exception from its work is loaded again; channels
opened meanwhile wait for the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sidecars.host.channel import QueueChannel
from sidecars.host.channels import Channels
from sidecars.host.host import HostLost, Kind, Letter, Message
from sidecars.local import backoff
from sidecars.local.engine_server import EngineServer
from sidecars.local.engine_thread import EngineThread
from sidecars.log import Event

T = TypeVar("T")

log = logging.getLogger(__name__)


class InProcessHost:
    """A `Host` without its own process."""

    sample_rate = 0
    voices: Sequence[str] = ()

    def __init__(
        self,
        kind: Kind,
        engine: str,
        options: Mapping[str, object],
        stepped: Callable[[float], None] = lambda seconds: None,
        own_process: bool = False,
    ) -> None:
        """`stepped`, `own_process`: as for `EngineThread`."""
        self.name = f"{kind} engine {engine}"
        self._kind: Kind = kind
        self._engine = engine
        self._options = dict(options)
        self._stepped = stepped
        self._own_process = own_process
        self.lost: asyncio.Future[str]
        """Done, with the reason, once no engine can run in this process anymore, so that the process should end. Set by
        `start`."""
        self._thread: EngineThread | None = None
        self._channels = Channels(self._deliver)
        self._born = 0.0
        self._backoff = 0.0
        self._replacing: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str:
        if self._thread is not None and self.lost.done():
            return self.lost.result()
        running = self._thread is not None and self._replacing is None
        return "" if running else "its engine is being restarted"

    async def start(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._thread = self._make()
        try:
            await self._load(self._thread)
        except BaseException:
            self._thread = None
            raise

    def open(self, call: str = "") -> QueueChannel:
        down = f"{self.name} does not run" if self._thread is None or self.lost.done() else ""
        return self._channels.open(self.sample_rate, down=down)

    async def ask(self, question: Callable[[EngineServer], T]) -> T:
        """Asks the engine something between two of its steps. Raises `HostLost` if there is no engine to answer."""
        if self._thread is None or self._replacing is not None:
            raise HostLost(f"{self.name} does not run")
        return await self._thread.ask(question)

    async def close(self) -> None:
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait([self._replacing])
        thread, self._thread = self._thread, None
        self._channels.lose(f"{self.name} was shut down")
        if thread is not None:
            await thread.close()

    def _make(self) -> EngineThread:
        def died(reason: str) -> None:
            self._died(thread, reason)

        thread = EngineThread(
            self._kind,
            self._engine,
            self._options,
            told=self._told,
            died=died,
            stepped=self._stepped,
            own_process=self._own_process,
        )
        return thread

    async def _load(self, thread: EngineThread) -> None:
        await thread.start()
        self.sample_rate, self.voices = thread.sample_rate, thread.voices
        self._born = asyncio.get_running_loop().time()

    def _deliver(self, number: int, message: Message, payload: bytes) -> None:
        if number not in self._channels or self._thread is None:
            return
        if message.get("type") == "Close":
            del self._channels[number]
        self._thread.post(number, message, payload)

    def _told(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            self._channels.put(*letter)

    def _died(self, thread: EngineThread, reason: str) -> None:
        if self._thread is not thread:
            return
        self._channels.lose(reason)
        if thread.lost:
            log.critical(Event("engine.down", reason=reason))
            self.lost.set_result(reason)
            return
        self._thread = self._make()  # messages sent from now on wait in it
        self._replacing = asyncio.create_task(self._replace(), name=f"{self.name} again")

    async def _replace(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._born > backoff.STEADY_S:
            self._backoff = 0.0
        while True:
            await asyncio.sleep(self._backoff)
            self._backoff = backoff.longer(self._backoff)
            assert self._thread is not None
            try:
                await self._load(self._thread)
            except HostLost as error:
                log.error(Event("engine.down", reason=error))
                self._channels.lose(str(error))
                self._thread = self._make()
            else:
                if self._replacing is asyncio.current_task():
                    self._replacing = None
                return
