"""Combines two hosts into one: the first is used while it works, the second while it does not.

A circuit breaker stands between them. It opens when the first host cannot be started, loses a channel, gives up an
utterance, or owes an answer for longer than its deadline. From then on channels are opened on the second host, and
report that (`Fault`). The breaker closes when the first host has answered a trial, so a server that accepts but never
answers stays shut out, however healthy it claims to be. Channels stay on the host where they were opened.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from sidecars.host.channel import QueueChannel
from sidecars.host.host import Channel, Host, HostLost, Kind, Message
from sidecars.log import Event

PROBE_S = 2.0
"""How often a host that is shut out is tried again."""
PROBE_AUDIO_S = 0.2

log = logging.getLogger(__name__)


class FallbackHost:
    """A `Host` made of two. `start` succeeds as soon as the second one has started."""

    def __init__(
        self,
        kind: Kind,
        name: str,
        first: Callable[[], Host],
        second: Host,
        *,
        deadline_s: float,
        probe_s: float = PROBE_S,
    ) -> None:
        """`first` makes the first host, and is called again after a failed start; `name` is its name in logs.
        `deadline_s`: for recognition, from Finalize or Cancel to its answer; for synthesis, to the next message while
        there is something to speak.
        """
        self._kind: Kind = kind
        self._name = name
        self._make_first = first
        self._first: Host | None = None
        """None until the first host has been started."""
        self._second = second
        self._deadline_s = deadline_s
        self._probe_s = probe_s
        self._why = ""
        """Why the first host is shut out; empty: it is not."""
        self._options: Message = {}
        """The latest session options of recognition: a trial without them would prove little."""
        self._mending: asyncio.Task[None] | None = None

    @property
    def voices(self) -> Sequence[str]:
        first = self._first
        return self._second.voices if self._why or first is None else first.voices

    @property
    def problem(self) -> str:
        if self._why:
            return f"fallback in use: {self._why}"
        return f"fallback: {self._second.problem}" if self._second.problem else ""

    async def start(self) -> None:
        starting = asyncio.create_task(self._start_first(), name=f"{self._name} start")
        try:
            await self._second.start()
            try:
                await starting
            except HostLost as error:
                self._shut_out(str(error))
        except BaseException:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self.close()
            raise

    def open(self, call: str = "") -> Channel:
        first = self._first
        if not self._why and first is not None and first.problem:
            self._shut_out(first.problem)
        if self._why or first is None:
            channel = _Passed(self._second.open(call), self._seen).channel
            channel.put({"type": "Fault", "error": f"fallback in use: {self._why}"}, b"")
            return channel
        return _Watched(first.open(call), self._seen, self._kind, self._deadline_s, self._failed).channel

    async def close(self) -> None:
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.wait([self._mending])
        self._why = self._why or f"{self._name} was shut down"
        for host in (self._first, self._second):
            if host is not None:
                await host.close()

    async def _start_first(self) -> None:
        host = self._make_first()
        try:
            await host.start()
        except BaseException:
            await host.close()
            raise
        self._first = host

    # ------------------------------------------------------------------------------------------ breaker

    def _seen(self, options: Message) -> None:
        self._options = options

    def _failed(self, reason: str) -> None:
        if not self._why:
            self._shut_out(reason)

    def _shut_out(self, why: str) -> None:
        log.error(Event("engine.fallback", engine=self._name, reason=why))
        self._why = why if self._name in why else f"{self._name}: {why}"
        self._mending = asyncio.create_task(self._mend(), name=f"{self._name} mending")

    async def _mend(self) -> None:
        while True:
            await asyncio.sleep(self._probe_s)
            try:
                if self._first is None:
                    await self._start_first()
                assert self._first is not None
                await self._try(self._first)
                break
            except (HostLost, TimeoutError) as error:
                log.debug(Event("engine.still_down", engine=self._name, reason=error))
            except Exception:
                log.exception(Event("engine.still_down", engine=self._name))  # a defect must not shut it out forever
        log.warning(Event("engine.recovered", engine=self._name))
        self._why = ""
        self._mending = None

    async def _try(self, host: Host) -> None:
        """Has the host do a little work. Raises `HostLost` or `TimeoutError`."""
        channel = host.open()
        try:
            if self._kind == "stt":
                channel.send({"type": "Open", "options": self._options})
                channel.send({"type": "Audio"}, bytes(2 * round(PROBE_AUDIO_S * channel.sample_rate)))
                channel.send({"type": "Finalize"})
            else:
                channel.send({"type": "Speak", "text": "Yes.", "options": {}})
            async with asyncio.timeout(self._deadline_s):
                while (message := (await channel.receive())[0])["type"] not in ("Final", "Done"):
                    if message["type"] == "Failed":
                        if self._kind == "stt" and not self._options:
                            return  # nobody has called yet, and an engine may need options to hear anything
                        raise HostLost(message["error"])
        finally:
            channel.close()


class _Passed:
    """A channel of a host, with messages inserted before the host's own."""

    def __init__(self, inner: Channel, seen: Callable[[Message], None]) -> None:
        """`seen` is called with the options of an utterance."""
        self._inner = inner
        self._seen = seen
        self.channel = QueueChannel(0, self._send, inner.sample_rate)
        inner.listen(self._take, self._lose)

    def _send(self, _: int, message: Message, payload: bytes) -> None:
        if message.get("type") == "Open":
            self._seen(message.get("options", {}))
        if message.get("type") == "Close":
            self._inner.close()
        else:
            self._inner.send(message, payload)

    def _take(self, message: Message, payload: bytes) -> None:
        self.channel.put(message, payload)

    def _lose(self, reason: str) -> None:
        self.channel.lose(reason)


class _Watched(_Passed):
    """A channel of the first host that keeps track of the answers that it owes."""

    def __init__(
        self,
        inner: Channel,
        seen: Callable[[Message], None],
        kind: Kind,
        deadline_s: float,
        failed: Callable[[str], None],
    ) -> None:
        self._stt = kind == "stt"
        self._deadline_s = deadline_s
        self._failed = failed
        self._owed: deque[str] = deque()
        """Requests that were not answered yet, in order: Finalize, Speak, Cancel."""
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(inner, seen)

    def _send(self, number: int, message: Message, payload: bytes) -> None:
        kind = message.get("type")
        if kind in ("Finalize", "Speak", "Cancel"):
            self._owed.append(kind)
            if self._timer is None:
                self._wait()
        elif kind == "Close":
            self._owed.clear()
            self._wait()
        super()._send(number, message, payload)

    def _take(self, message: Message, payload: bytes) -> None:
        kind = message["type"]
        if kind == "Failed" and self._stt:
            self._lose(f"it gave an utterance up: {message['error']}")
            return
        if kind == "Cancelled":
            while self._owed and self._owed.popleft() != "Cancel":
                pass
        elif kind in ("Final", "Done", "Failed") and self._owed and self._owed[0] != "Cancel":
            self._owed.popleft()
        if kind != "Partial":
            self._wait()
        super()._take(message, payload)

    def _wait(self) -> None:
        """Restarts the deadline if an answer is owed."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._deadline_s, self._too_late) if self._owed else None

    def _too_late(self) -> None:
        self._timer = None
        self._lose(f"no answer to {self._owed[0]} within {self._deadline_s:g} s")

    def _lose(self, reason: str) -> None:
        self._owed.clear()
        self._wait()
        self._failed(reason)  # first: whoever gets the message opens another channel at once
        self._inner.close()
        super()._lose(reason)
