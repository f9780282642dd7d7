"""The engine in a child process, which may run another interpreter with other packages than the daemon's.

A child that dies takes its channels with it (`HostLost`) and is replaced; channels opened meanwhile wait for the
next one. A child that stops answering is killed and counts as dead.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import sidecars
from sidecars.hosts.channel import QueueChannel
from sidecars.hosts.child_log import ChildLog
from sidecars.hosts.frames import Decoder, encode
from sidecars.hosts.host import HostLost, Kind, Message

MAX_UNSENT = 8 << 20
"""Bytes that may wait for a child (four minutes of one utterance's audio): past this it is taken for dead."""
FIRST_BACKOFF_S = 0.05
MAX_BACKOFF_S = 5.0
STEADY_S = 10.0
"""A child that has lived this long may be replaced without delay."""
PING_S = 1.0
LAST_WORDS_S = 1.0
PING = encode(0, {"type": "Ping"})

log = logging.getLogger(__name__)


class _Link(asyncio.Protocol):
    """The daemon's end of one child's socket."""

    def __init__(self, host: SubprocessHost) -> None:
        self._host = host
        self._decoder = Decoder()
        self.transport: asyncio.Transport | None = None
        self.ready = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.answered = False
        """Whether the last Ping was."""
        self.broken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for channel, message, payload in self._decoder.feed(data):
                self.answered = True
                if channel:
                    self._host._arrived(channel, message, payload)
                elif message.get("type") != "Pong" and not self.ready.done():
                    self.ready.set_result(message)
        except ValueError as error:
            self.give_up(str(error))

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()
        if not self.ready.done():
            self.ready.set_result({"type": "Failed", "error": "it ended before it was ready"})

    def write(self, frame: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(frame)
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self.give_up("it does not read what it is sent")

    def give_up(self, why: str) -> None:
        """The child is alive and of no use."""
        log.error("%s: %s", self._host.name, why)
        self.broken = True
        self.abort()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class SubprocessHost:
    """A `Host` in a process of its own. `python`: its interpreter; empty: this one's."""

    sample_rate = 0
    voices: Sequence[str] = ()

    def __init__(
        self,
        kind: Kind,
        engine: str,
        options: Mapping[str, object],
        python: str = "",
        *,
        start_timeout_s: float = 60.0,
        stall_s: float = 20.0,
    ) -> None:
        """`stall_s`: a child with nothing to say for so long, though asked, is taken for dead."""
        self.name = f"{kind} engine {engine}"
        self.pid: int | None = None
        """The child's process id while it runs."""
        self._command = ["-m", "sidecars.hosts.child", "--kind", kind, "--engine", engine]
        self._options = dict(options)
        self._python = python
        self._start_timeout_s = start_timeout_s
        self._stall_s = stall_s
        self._channels: dict[int, QueueChannel] = {}
        self._numbers = itertools.count(1)
        self._link: _Link | None = None
        self._held_back: list[bytes] = []
        """What was sent while no child was there to read it."""
        self._held_back_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._child_log = ChildLog(self.name, log)

    @property
    def problem(self) -> str:
        return "" if self._link is not None else "its engine is being restarted"

    async def start(self) -> None:
        assert self._task is None, "a host is started once"
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep_running(started), name=self.name)
        try:
            await started
        except BaseException:
            await self.close()
            raise

    def open(self) -> QueueChannel:
        channel = QueueChannel(next(self._numbers), self._deliver, self.sample_rate)
        if self._task is None or self._task.done():
            channel.lose(f"{self.name} does not run")
        else:
            self._channels[channel.number] = channel
        return channel

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._lose(f"{self.name} was shut down")

    # ------------------------------------------------------------------------------------------ to and from it

    def _deliver(self, number: int, message: Message, payload: bytes) -> None:
        if number not in self._channels:
            return
        try:
            frame = encode(number, message, payload)
        except (TypeError, ValueError) as error:
            self._arrived(number, {"type": "Failed", "error": f"cannot be sent: {error}"}, b"")
            return
        if message.get("type") == "Close":
            del self._channels[number]
        if self._link is not None:
            self._link.write(frame)
            return
        self._held_back_bytes += len(frame)
        if self._held_back_bytes > MAX_UNSENT:
            self._lose(f"{self.name} has been gone for too long")
        else:
            self._held_back.append(frame)

    def _arrived(self, number: int, message: Message, payload: bytes) -> None:
        if channel := self._channels.get(number):
            channel.put(message, payload)

    def _lose(self, reason: str) -> None:
        for channel in self._channels.values():
            channel.lose(reason)
        self._channels.clear()
        self._held_back.clear()
        self._held_back_bytes = 0

    # --------------------------------------------------------------------------------- one child after another

    async def _keep_running(self, started: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        backoff = 0.0
        while True:
            born = loop.time()
            try:
                await self._run_child(started)
                reason = f"{self.name} ended"
            except HostLost as error:
                reason = str(error)
            if not started.done():
                started.set_exception(HostLost(reason))
                return
            log.error("%s", reason)
            self._lose(reason)
            backoff = 0.0 if loop.time() - born > STEADY_S else min(max(2 * backoff, FIRST_BACKOFF_S), MAX_BACKOFF_S)
            await asyncio.sleep(backoff)

    async def _run_child(self, started: asyncio.Future[None]) -> None:
        """Runs one child from birth to death. Raises `HostLost` with the reason of its death."""
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryDirectory(prefix="sidecars-") as packages:
            with theirs:
                child = await self._spawn(theirs.fileno(), packages)
            self.pid = child.pid
            patience = 0.0
            assert child.stderr is not None
            reading = asyncio.create_task(self._child_log.read(child.stderr), name=f"{self.name} stderr")
            try:
                _, link = await asyncio.get_running_loop().create_connection(lambda: _Link(self), sock=ours)
                try:
                    await self._talk(link, started)
                    patience = 0.0 if link.broken else LAST_WORDS_S
                except asyncio.CancelledError:
                    patience = LAST_WORDS_S
                    raise
                finally:
                    self._link = None
                    link.abort()
            finally:
                self.pid = None
                await _end(child, patience)
                await asyncio.wait({reading}, timeout=LAST_WORDS_S)
                reading.cancel()
        status = child.returncode or 0
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        said = f": {self._child_log.last_line}" if self._child_log.last_line else ""
        raise HostLost(f"{self.name} (pid {child.pid}) {how}{said}")

    async def _spawn(self, fd: int, packages: str) -> asyncio.subprocess.Process:
        environment = dict(os.environ)
        if self._python:
            # A folder with nothing but this package: the daemon's own packages must not reach another interpreter.
            home = Path(packages)
            (home / "sidecars").symlink_to(Path(sidecars.__file__).parent, target_is_directory=True)
        else:
            home = Path(sidecars.__file__).parent.parent
        environment["PYTHONPATH"] = str(home)
        environment["PYTHONSAFEPATH"] = "1"
        self._child_log.last_line = ""
        try:
            return await asyncio.create_subprocess_exec(
                self._python or sys.executable,
                *self._command,
                "--fd",
                str(fd),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(fd,),
                env=environment,
            )
        except OSError as error:
            raise HostLost(f"{self.name}: {self._python or sys.executable}: {error.strerror}") from error

    async def _talk(self, link: _Link, started: asyncio.Future[None]) -> None:
        """Introduces the child to its options, then keeps it company until its socket closes."""
        try:
            start = encode(0, {"type": "Start", "options": self._options})
        except (TypeError, ValueError) as error:
            raise HostLost(f"{self.name}: its options cannot be sent: {error}") from error
        link.write(start)
        try:
            async with asyncio.timeout(self._start_timeout_s):
                ready = await link.ready
        except TimeoutError:
            raise HostLost(f"{self.name} was not ready after {self._start_timeout_s:g} s") from None
        if ready["type"] != "Ready":
            raise HostLost(f"{self.name}: {ready.get('error')}")
        self.sample_rate, self.voices = ready["sample_rate"], tuple(ready["voices"])
        self._link = link
        for frame in self._held_back:
            link.write(frame)
        self._held_back.clear()
        self._held_back_bytes = 0
        if not started.done():
            started.set_result(None)
        silent = 0.0
        while not link.closed.is_set():
            silent = 0.0 if link.answered else silent + PING_S
            if silent > self._stall_s:
                link.give_up(f"it has said nothing for {silent:g} s")
            link.answered = False
            link.write(PING)
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await link.closed.wait()


async def _end(child: asyncio.subprocess.Process, patience_s: float) -> None:
    """Waits for a child whose socket is closed, and kills it when it takes too long."""
    try:
        async with asyncio.timeout(patience_s):
            await child.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
