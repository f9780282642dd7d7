"""A child process for each call, so that everything that an engine allocates for a call is freed when the call ends.

There is always one more child loaded than there are calls, so that a call does not wait for its own. A child that dies
ends only the utterances of its own call, which continues with the next child.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence

from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost
from sidecars.local import backoff
from sidecars.local.subprocess import SubprocessHost
from sidecars.log import Event
from sidecars.tasks import Tasks

log = logging.getLogger(__name__)


class PerCallHost:
    """A `Host` made of one `SubprocessHost` for each call."""

    def __init__(self, make: Callable[[Callable[[], None]], SubprocessHost]) -> None:
        """`make` makes an unstarted host whose `emptied` is the argument."""
        self._make = make
        self.sample_rate = 0
        self.voices: Sequence[str] = ()
        self.problem = ""
        self._calls: dict[str, SubprocessHost] = {}
        self._ready: SubprocessHost | None = None
        """Loaded, but not yet taken by a call."""
        self._wanted = asyncio.Event()
        """Set when the ready child has been taken."""
        self._anonymous = itertools.count(1)
        self._tasks = Tasks()
        self._closing = Tasks()
        """Children of calls that are over."""
        self._closed = False

    async def start(self) -> None:
        first = self._new()
        await first.start()
        self.sample_rate, self.voices = first.sample_rate, first.voices
        self._ready = first
        self._tasks.start(self._keep_ready())

    def open(self, call: str = "") -> QueueChannel:
        """Opens a channel. Channels that name no call count as a call each, and wait for no child: if none is ready,
        they are lost.
        """
        host = self._calls.get(call)
        if host is None:
            if self._closed or (self._ready is None and not call):
                channel = QueueChannel(0, lambda *_: None, self.sample_rate)
                channel.lose(self.problem or "no child is ready for it")
                return channel
            host = self._calls[call or f"{next(self._anonymous)}"] = self._take()
        return host.open()

    async def close(self) -> None:
        self._closed = True
        hosts = [*self._calls.values(), *filter(None, [self._ready])]
        self._calls.clear()
        self._ready = None
        await self._tasks.end()
        await asyncio.gather(*(host.close() for host in hosts))
        await self._closing.ended()

    @property
    def pids(self) -> dict[str, int | None]:
        """The process ids by call."""
        return {call: host.pid for call, host in self._calls.items()}

    @property
    def ready(self) -> int | None:
        """The process id of the child that is not taken by a call yet."""
        return self._ready.pid if self._ready is not None else None

    def _new(self) -> SubprocessHost:
        def emptied() -> None:
            for call, each in list(self._calls.items()):
                if each is host:
                    del self._calls[call]
                    self._closing.start(host.close())

        host = self._make(emptied)
        return host

    def _take(self) -> SubprocessHost:
        host, self._ready = self._ready, None
        self._wanted.set()
        if host is None or host.problem:
            if host is not None:
                self._closing.start(host.close())
            host = self._new()
            host.sample_rate, host.voices = self.sample_rate, self.voices
            host.begin().add_done_callback(_heeded)
        return host

    async def _keep_ready(self) -> None:
        delay = 0.0
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._ready is None:
                host = self._new()
                try:
                    await host.start()
                except HostLost as error:
                    self.problem = str(error)
                    log.error(Event("engine.down", reason=error))
                    delay = backoff.longer(delay)
                    await asyncio.sleep(delay)
                except BaseException:
                    await host.close()
                    raise
                else:
                    self.problem, delay, self._ready = "", 0.0, host


def _heeded(started: asyncio.Future[None]) -> None:
    """Logs why there is no child; those who wait on a channel get the reason there."""
    if not started.cancelled() and (error := started.exception()) is not None:
        log.error(Event("engine.down", reason=error))
