"""A child process with an engine, from start to end, on its host's side (the process's own side is
`sidecars.local.child`)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import sidecars
from sidecars.host.frames import Decoder, encode
from sidecars.host.host import HostLost, Kind, Message
from sidecars.local.child_log import ChildLog
from sidecars.log import Event

MAX_UNSENT = 8 << 20
"""The most bytes that wait for a child (four minutes of one utterance's audio); above it the child is considered
dead."""
PING_S = 1.0
LAST_WORDS_S = 1.0
PING = encode(0, {"type": "Ping"})

log = logging.getLogger(__name__)


class ChildProcess(asyncio.Protocol):
    """One child: `start` it, `watch` it until it dies or is unusable, then `end` it."""

    def __init__(
        self,
        kind: Kind,
        engine: str,
        options: Mapping[str, object],
        python: str,
        arrived: Callable[[int, Message, bytes], None],
        *,
        start_timeout_s: float,
        stall_s: float,
    ) -> None:
        """`arrived` gets the channel, message, and payload of everything that the child sends to a channel."""
        self.name = f"{kind} engine {engine}"
        self.ready: Message = {}
        """The `Ready` message: `sample_rate`, `voices`."""
        # Python's warnings are for the authors of an engine's packages; readers of the daemon's log cannot act on them.
        self._command = ["-W", "ignore", "-m", "sidecars.local.child", "--kind", kind, "--engine", engine]
        self._options, self._python, self._arrived = options, python, arrived
        self._start_timeout_s, self._stall_s = start_timeout_s, stall_s
        self._packages = tempfile.TemporaryDirectory(prefix="sidecars-")
        self._process: asyncio.subprocess.Process | None = None
        self._transport: asyncio.Transport | None = None
        self._decoder = Decoder()
        self._log = ChildLog(self.name, log)
        self._reading: asyncio.Task[None] | None = None
        self._introduced: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._closed = asyncio.Event()
        self._answered = False
        """Whether the last Ping was answered, by any message since."""
        self._pings = self._pongs = 0
        self._broken = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._closed.is_set()

    # -------------------------------------------------------------------------------------------- birth and death

    async def start(self) -> None:
        """Starts the child and returns when its engine is ready. If it cannot be, cleans up and raises `HostLost`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = await self._spawn(theirs.fileno())
            assert self._process.stderr is not None
            self._reading = asyncio.create_task(self._log.read(self._process.stderr), name=f"{self.name} stderr")
            await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
            await self._introduce()
        except BaseException:
            ours.close()
            self._broken = True
            await self.end()
            raise

    async def watch(self) -> None:
        """Watches the child; returns when it has died or was given up."""
        silent = 0.0
        while self.alive:
            silent = 0.0 if self._answered else silent + PING_S
            if silent > self._stall_s:
                self._give_up(f"it has said nothing for {silent:g} s")
            self._ping()
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await self._closed.wait()

    async def end(self) -> str:
        """Closes the child's socket, which ends it, or else kills it. Returns the cause of death. Idempotent."""
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None:
            try:
                async with asyncio.timeout(0 if self._broken else LAST_WORDS_S):
                    await self._process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=LAST_WORDS_S)
            self._reading.cancel()
        self._packages.cleanup()
        status = (self._process and self._process.returncode) or 0
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        said = f": {self._log.last_line}" if self._log.last_line else ""
        return f"{self.name} (pid {self.pid}) {how}{said}"

    async def _spawn(self, fd: int) -> asyncio.subprocess.Process:
        environment = dict(os.environ)
        if self._python:
            # A folder with only this package: the daemon's own packages must not reach another interpreter.
            home = Path(self._packages.name)
            (home / "sidecars").symlink_to(Path(sidecars.__file__).parent, target_is_directory=True)
        else:
            home = Path(sidecars.__file__).parent.parent
        environment["PYTHONPATH"] = str(home)
        environment["PYTHONSAFEPATH"] = "1"
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

    async def _introduce(self) -> None:
        """Sends the options and waits for `Ready`; a child that reports its progress may take its time."""
        try:
            start = encode(0, {"type": "Start", "options": self._options})
        except (TypeError, ValueError) as error:
            raise HostLost(f"{self.name}: its options cannot be sent: {error}") from error
        self.write(start)
        heard = -1
        while not self._introduced.done():
            if heard == self._log.lines:
                raise HostLost(f"{self.name} was not ready after {self._start_timeout_s:g} s")
            heard = self._log.lines
            await asyncio.wait({self._introduced}, timeout=self._start_timeout_s)
        self.ready = self._introduced.result()
        if self.ready["type"] != "Ready":
            raise HostLost(f"{self.name}: {self.ready.get('error')}")

    # --------------------------------------------------------------------------------------------- to and from it

    def write(self, frame: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._give_up("it does not read what it is sent")

    def demand(self, within_s: float) -> None:
        """Gives the child up unless it has read everything written so far within `within_s`."""
        self._ping()
        due = self._pings

        def judge() -> None:
            if self.alive and self._pongs < due:
                self._give_up(f"it did not stop within {within_s:g} s")

        asyncio.get_running_loop().call_later(within_s, judge)

    def _ping(self) -> None:
        self._answered = False
        self._pings += 1
        self.write(PING)

    def _give_up(self, why: str) -> None:
        """Gives up a child that is alive but unusable."""
        log.error(Event("engine.down", engine=self.name, reason=why))
        self._broken = True
        if self._transport is not None:
            self._transport.abort()
        self._closed.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for channel, message, payload in self._decoder.feed(data):
                self._answered = True
                if channel:
                    self._arrived(channel, message, payload)
                elif message.get("type") == "Pong":
                    self._pongs += 1
                elif not self._introduced.done():
                    self._introduced.set_result(message)
        except ValueError as error:
            self._give_up(str(error))

    def connection_lost(self, error: Exception | None) -> None:
        self._closed.set()
        if not self._introduced.done():
            self._introduced.set_result({"type": "Failed", "error": "it ended before it was ready"})
