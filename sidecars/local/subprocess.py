"""Runs the engine in a child process, which may use another interpreter with other packages than the daemon's.

A child that dies takes its channels with it (`HostLost`) and is replaced; channels opened meanwhile wait for the next
one. A child that stops answering is killed and counts as dead. With a `spare`, the next child is already loaded, and a
child that does not react to a Cancel within `cancel_s` is killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from sidecars.host.channel import QueueChannel
from sidecars.host.channels import Channels
from sidecars.host.frames import encode
from sidecars.host.host import HostLost, Kind, Message
from sidecars.local import backoff
from sidecars.local.child_process import MAX_UNSENT, PING_S, ChildProcess
from sidecars.log import Event

log = logging.getLogger(__name__)


class SubprocessHost:
    """A `Host` in its own process. `python`: its interpreter; empty: this one's."""

    sample_rate = 0
    voices: Sequence[str] = ()

    def __init__(
        self,
        kind: Kind,
        engine: str,
        options: Mapping[str, object],
        python: str = "",
        *,
        spare: bool = False,
        cancel_s: float = 0.5,
        start_timeout_s: float = 60.0,
        stall_s: float = 20.0,
        emptied: Callable[[], None] = lambda: None,
    ) -> None:
        """`spare`: keep a second child loaded, at the cost of its memory. `emptied` is called when no channel is left.
        `cancel_s`: with a spare, how long a child may take to react to a Cancel. A child is considered dead if it is
        not ready and has been silent for `start_timeout_s`, or if it does not answer a Ping for `stall_s`.
        """
        self.name = f"{kind} engine {engine}"
        self._channels = Channels(self._deliver)
        self._wants_spare = spare
        self._emptied = emptied
        self._cancel_s = cancel_s
        self._new_child = partial(
            ChildProcess,
            kind,
            engine,
            dict(options),
            python,
            self._channels.put,
            start_timeout_s=start_timeout_s,
            stall_s=stall_s,
        )
        self._child: ChildProcess | None = None
        self._spare: ChildProcess | None = None
        self._held_back: list[bytes] = []
        """Frames that were sent while there was no child to read them."""
        self._held_back_bytes = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child else None

    @property
    def spare_pid(self) -> int | None:
        """The spare's process id, once it is ready."""
        return self._spare.pid if self._spare else None

    @property
    def problem(self) -> str:
        return "" if self._child is not None else "its engine is being restarted"

    def begin(self) -> asyncio.Future[None]:
        """Starts without waiting: messages sent on a channel meanwhile wait too. The future raises `HostLost`."""
        assert not self._tasks, "a host is started once"
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.append(asyncio.create_task(self._keep_running(started), name=self.name))
        return started

    async def start(self) -> None:
        try:
            await self.begin()
        except BaseException:
            await self.close()
            raise
        if self._wants_spare:
            self._tasks.append(asyncio.create_task(self._keep_spare(), name=f"{self.name} spare"))

    def open(self, call: str = "") -> QueueChannel:
        down = f"{self.name} does not run" if not self._tasks or self._tasks[0].done() else ""
        return self._channels.open(self.sample_rate, down=down)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._lose(f"{self.name} was shut down")

    # ------------------------------------------------------------------------------------------ to and from it

    def _deliver(self, number: int, message: Message, payload: bytes) -> None:
        if number not in self._channels:
            return
        try:
            frame = encode(number, message, payload)
        except (TypeError, ValueError) as error:
            self._channels.put(number, {"type": "Failed", "error": f"cannot be sent: {error}"}, b"")
            return
        if message.get("type") == "Close":
            del self._channels[number]
            if not self._channels:
                self._emptied()
        if self._child is not None:
            self._child.write(frame)
            if self._wants_spare and message.get("type") in ("Cancel", "Close"):
                self._child.demand(self._cancel_s)
            return
        self._held_back_bytes += len(frame)
        if self._held_back_bytes > MAX_UNSENT:
            self._lose(f"{self.name} has been gone for too long")
        else:
            self._held_back.append(frame)

    def _lose(self, reason: str) -> None:
        self._channels.lose(reason)
        self._held_back.clear()
        self._held_back_bytes = 0
        self._emptied()

    # --------------------------------------------------------------------------------- one child after another

    async def _keep_running(self, started: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        delay = 0.0
        while True:
            born = loop.time()
            try:
                reason = await self._run_child(started)
            except HostLost as error:
                reason = str(error)
            if not started.done():
                started.set_exception(HostLost(reason))
                self._lose(reason)
                return
            log.error(Event("engine.down", reason=reason))
            self._lose(reason)
            if self._spare is not None:
                continue
            delay = 0.0 if loop.time() - born > backoff.STEADY_S else backoff.longer(delay)
            await asyncio.sleep(delay)

    async def _run_child(self, started: asyncio.Future[None]) -> str:
        """Runs one child, the spare if there is one, until it dies; returns the reason. Raises `HostLost`."""
        child, self._spare = self._spare, None
        if child is not None and not child.alive:
            log.error(Event("engine.spare_lost", reason=await child.end()))
            child = None
        if child is None:
            child = self._new_child()
            await child.start()
        try:
            self.sample_rate, self.voices = child.ready["sample_rate"], tuple(child.ready["voices"])
            self._child = child
            for frame in self._held_back:
                child.write(frame)
            self._held_back.clear()
            self._held_back_bytes = 0
            if not started.done():
                started.set_result(None)
            await child.watch()
        finally:
            self._child = None
            reason = await child.end()
        return reason

    async def _keep_spare(self) -> None:
        """Keeps one more child ready than is needed."""
        child: ChildProcess | None = None
        try:
            while True:
                child = self._new_child()
                try:
                    await child.start()
                except HostLost as error:
                    log.error(Event("engine.no_spare", reason=error))
                    await asyncio.sleep(backoff.MOST_S)
                    continue
                self._spare = child
                while self._spare is child and child.alive:  # noqa: ASYNC110
                    await asyncio.sleep(PING_S)
                if self._spare is child:
                    self._spare = None
                    log.error(Event("engine.spare_lost", reason=await child.end()))
        finally:
            if child is not None and self._spare is child:
                self._spare = None
                await child.end()
