"""One engine in its own thread, beside an event loop. It does not use the loop's default executor: a dozen other things
may occupy that, and an engine needs to stay on one thread for as long as it lives.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sidecars.engine import EngineLost, load
from sidecars.environment import why_not_loaded
from sidecars.host.host import HostLost, Kind, Letter, Message
from sidecars.local import collector
from sidecars.local.engine_server import EngineServer
from sidecars.local.recognition import RecognitionServer
from sidecars.local.synthesis import SynthesisServer
from sidecars.log import Event

T = TypeVar("T")

log = logging.getLogger(__name__)

LAST_STEP_S = 2.0
"""An engine that is still busy this long after it was told to end is abandoned; its thread ends with the process."""


class EngineThread:
    """Feeds an `EngineServer` and passes on its messages, both on the event loop on which `start` was called."""

    def __init__(
        self,
        kind: Kind,
        engine: str,
        options: Mapping[str, object],
        *,
        told: Callable[[Sequence[Letter]], None],
        died: Callable[[str], None],
        stepped: Callable[[float], None] = lambda seconds: None,
        own_process: bool = False,
    ) -> None:
        """`died` is called when the engine has become unusable; `stepped`, in the thread, after each piece of work.
        `own_process`: the process belongs to the engine, which decides when its garbage is collected.
        """
        self.name = f"{kind} engine {engine}"
        self.sample_rate = 0
        self.voices: Sequence[str] = ()
        self._kind = kind
        self._engine = engine
        self._options = options
        self._told = told
        self._died = died
        self._stepped = stepped
        self._own_process = own_process
        self.lost = False
        """Whether the engine died in a way that no other engine in this process would survive."""
        self._inbox: SimpleQueue[Letter | Callable[[EngineServer], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stopped = False
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Loads the engine. Raises `HostLost` with the reason if that fails."""
        self._loop = asyncio.get_running_loop()
        ready: asyncio.Future[EngineServer] = self._loop.create_future()
        self._ready = ready
        self._thread.start()
        try:
            server: Any = await ready
        except BaseException:
            self.stop()
            raise
        self.sample_rate, self.voices = server.engine.sample_rate, server.voices

    def post(self, channel: int, message: Message, payload: bytes = b"") -> None:
        """Sends a message to the engine; it waits until `start` has returned."""
        self._inbox.put((channel, message, payload))

    async def ask(self, question: Callable[[EngineServer], T]) -> T:
        """Asks the engine something between two of its steps. Raises `HostLost` if there is no engine to answer."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def put(server: EngineServer) -> None:
            try:
                value = question(server)
            except Exception as error:
                self._call(_fail, answer, error)
            else:
                self._call(_settle, answer, value)

        self._inbox.put(put)
        ended = asyncio.ensure_future(self._ended.wait())
        waiting: set[asyncio.Future[Any]] = {answer, ended}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not answer.done():
            answer.cancel()
            raise HostLost(f"{self.name} does not run")
        return answer.result()

    def stop(self) -> None:
        """Ends the thread after its current step. Idempotent."""
        self._inbox.put(None)

    async def close(self) -> None:
        """Stops the thread and waits for it, but not forever."""
        self.stop()
        if self._thread.ident is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_STEP_S):
                    await self._ended.wait()
                    self._thread.join()  # about to end

    # ------------------------------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        try:
            self._serve()
        except EngineLost as error:
            self.lost = True
            self._call(self._died, f"{self.name} failed: {error}")
        except Exception as error:
            log.exception(Event("engine.failed", engine=self.name))
            self._call(self._died, f"{self.name} failed: {error}")
        finally:
            self._call(self._ended.set)

    def _serve(self) -> None:
        try:
            engine = load(self._engine, self._options)
            make = RecognitionServer if self._kind == "stt" else SynthesisServer
            server: EngineServer = make(engine, lambda: self._take(server, wait=False))
        except Exception as error:
            log.debug(Event("engine.load_failed", engine=self.name), exc_info=True)
            self._call(_fail, self._ready, HostLost(f"{self.name}: {why_not_loaded(self._engine, error)}"))
            return
        if self._own_process:
            collector.settle()
        self._call(_settle, self._ready, server)
        while True:
            self._take(server, wait=not server.busy)
            if self._stopped:
                return
            began = time.perf_counter()
            letters = server.step()
            self._stepped(time.perf_counter() - began)
            if letters:
                self._call(self._told, letters)
            if self._own_process:
                collector.between_steps()

    def _take(self, server: EngineServer, *, wait: bool) -> None:
        """Passes on what has arrived to the server."""
        for item in self._arrived(wait):
            if item is None:
                self._stopped = True
            elif callable(item):
                item(server)
            else:
                server.receive(*item)

    def _arrived(self, wait: bool) -> Iterator[Letter | Callable[[EngineServer], None] | None]:
        with suppress(Empty):
            if wait:
                yield self._inbox.get()
            while True:
                yield self._inbox.get_nowait()

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        """Calls the function on the loop, unless the loop is closed, in which case nobody is left to hear."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
