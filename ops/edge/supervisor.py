"""Kamailio, rtpengine, and HAProxy as child processes: starts them in the foreground, restarts them, and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ops.edge import haproxy, relay_redis
from ops.edge.handshakes import Handshakes
from ops.edge.kamailio import arguments as kamailio_arguments
from ops.edge.plan import Account, EdgeError, Plan
from ops.edge.registrars import Registrars
from ops.edge.rpc import NoAnswer, call, listens, media_answers
from sidecars.log import Event

log = logging.getLogger(__name__)

START_S = 8.0
STOP_S = 3.0
STEADY_S = 5.0
"""A program that ran for this long did not die of its configuration."""
TRIES = 3
"""After this many early deaths in a row the edge gives up."""
KEPT_LINES = 20
LAST_WORDS_S = 1.0
DRAIN_POLL_S = 0.5
PACKAGES = {
    "kamailio": "kamailio kamailio-tls-modules",
    "rtpengine": "rtpengine-daemon",
    "haproxy": "haproxy",
    "openssl": "openssl",
}
"""For each program, the Debian packages that its configuration needs."""

PLACES = "/usr/sbin:/usr/local/sbin"
"""Where Debian keeps server programs; few users have it on their PATH."""


class Missing(EdgeError):
    """A program is not installed; the message says how to install it."""


def program(name: str) -> str:
    """The path of a program. Raises `Missing`."""
    if found := shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{PLACES}"):
        return found
    raise Missing(f"{name} is not installed: apt-get install {PACKAGES[name]}")


@dataclass(slots=True)
class Child:
    """One program and the command that runs it in the foreground."""

    name: str
    command: list[str]
    process: asyncio.subprocess.Process | None = None
    said: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    listening: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """0 if it is not running."""
        return self.process.pid if self.process is not None and self.process.returncode is None else 0


def children(plan: Plan) -> list[Child]:
    """The programs to run, media first. Raises `EdgeError` if one is not installed."""
    folder = plan.folder
    media = ["--foreground", "--log-stderr", f"--config-file={folder}/rtpengine.conf"]
    found = [
        Child("redis", relay_redis.arguments(plan)),
        Child("rtpengine", [program("rtpengine"), *media]),
        Child("kamailio", [program("kamailio"), *kamailio_arguments(folder)]),
    ]
    if haproxy.wanted(plan):
        found.append(Child("haproxy", [program("haproxy"), "-db", "-f", f"{folder}/haproxy.cfg"]))
    return found


class Supervisor:
    """`async with Supervisor(plan) as edge: await edge.serve()`.

    Entering raises `EdgeError`, with the last output of the program, if one does not start. Leaving ends every process
    by its id, within `STOP_S`.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.children = children(plan)
        self._draining = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []
        self._registrars: Registrars | None = None

    async def __aenter__(self) -> Self:
        try:
            for child in self.children:
                await self._start(child)
                await self._answers(child)
        except BaseException:
            await self._stop()
            raise
        self._keepers = [asyncio.create_task(self._keep(child), name=child.name) for child in self.children]
        if self._plan.accounts:
            [kamailio] = [child for child in self.children if child.name == "kamailio"]
            self._registrars = Registrars(self._plan, lambda: tuple(kamailio.said))
            self._keepers.append(asyncio.create_task(self._registrars.follow(), name="registrars"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._stop()

    @property
    def pids(self) -> dict[str, int]:
        return {child.name: child.pid for child in self.children}

    def take(self, accounts: Iterable[Account]) -> None:
        """The accounts with the registrars that they may use from now on."""
        if self._registrars is not None:
            self._registrars.take(accounts)

    def drain(self) -> None:
        """Takes no new calls; `serve` returns when the last call has ended or `[calls] drain_s` has passed."""
        self._draining.set()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    async def serve(self) -> None:
        """Runs until `drain`. Raises `EdgeError` when a program cannot be kept running."""
        drained = asyncio.create_task(self._drained())
        try:
            await asyncio.wait([drained, *self._keepers], return_when=asyncio.FIRST_COMPLETED)
            for task in (drained, *self._keepers):
                if task.done():
                    task.result()
        finally:
            drained.cancel()
            await asyncio.gather(drained, return_exceptions=True)

    async def _drained(self) -> None:
        await self._draining.wait()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._plan.drain_s
        with contextlib.suppress(NoAnswer):
            await call(self._plan.control, "pv.shvSet", "draining", "int", 1)
            while loop.time() < until and await live_calls(self._plan.control):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(DRAIN_POLL_S)

    # ------------------------------------------------------------------------------------------------ processes

    async def _start(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        child.said.clear()
        # A pipe of our own: asyncio's would consider a dead program alive while its children hold the other end.
        ours, theirs = os.pipe()
        try:
            child.process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                # Ctrl-C is meant for the supervisor, which ends the programs in its own order.
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        reader = asyncio.StreamReader()
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb"))
        child.listening = asyncio.create_task(_listen(child, reader, pipe), name=f"{child.name}: what it says")
        log.info(Event("edge.started", program=child.name, pid=child.pid))

    async def _keep(self, child: Child) -> None:
        """Restarts the program when it dies. Raises `EdgeError` if it dies again and again."""
        loop = asyncio.get_running_loop()
        early = 0
        while True:
            began = loop.time()
            assert child.process is not None
            code = await child.process.wait()
            await _bury(child)
            early = early + 1 if loop.time() - began < STEADY_S else 1
            log.error(Event("edge.died", program=child.name, code=code, last=_last(child)))
            if early > TRIES:
                raise EdgeError(f"{child.name} died {early} times at once: {_last(child)}")
            await asyncio.sleep(0.2 * (early - 1))
            await self._start(child)

    async def _answers(self, child: Child) -> None:
        """Waits until the program is ready. Raises `EdgeError`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + START_S
        while not await self._is_up(child):
            if not child.pid:
                await _bury(child)
                raise EdgeError(f"{child.name} does not start: {_last(child)}")
            if loop.time() > until:
                raise EdgeError(f"{child.name} does not answer within {START_S:g} s: {_last(child)}")
            await asyncio.sleep(0.05)

    async def _is_up(self, child: Child) -> bool:
        match child.name:
            case "redis":
                return bool(child.pid) and await listens(self._plan.edge.redis_port)
            case "rtpengine":
                return await media_answers(self._plan.edge.control_port)
            case "kamailio":
                try:
                    await call(self._plan.control, "core.uptime")
                except NoAnswer:
                    return False
        return bool(child.pid)

    async def _stop(self) -> None:
        """Stops Kamailio first: it tells rtpengine about the calls that end with it."""
        for child in reversed(self.children):
            if child.process is None:
                continue
            if child.pid:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STOP_S):
                        await child.process.wait()
            await _bury(child)


async def _listen(child: Child, reader: asyncio.StreamReader, pipe: asyncio.BaseTransport) -> None:
    """Keeps the last lines of a program's output."""
    handshakes = Handshakes()
    try:
        while line := await reader.readline():
            text = line.decode(errors="replace").rstrip()
            child.said.append(text)
            log.debug("%s: %s", child.name, text)
            if failed := handshakes.take(text, asyncio.get_running_loop().time()):
                log.warning(failed)
    except ValueError:
        child.said.append("a line without an end")
    finally:
        pipe.close()


async def _bury(child: Child) -> None:
    """Ends what is left of a program: Kamailio's children keep its ports after Kamailio itself was killed."""
    assert child.process is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    await child.process.wait()
    if child.listening is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await asyncio.shield(child.listening)
        child.listening.cancel()
        await asyncio.gather(child.listening, return_exceptions=True)


async def live_calls(control: Path) -> int:
    """The number of calls that the edge knows. Raises `NoAnswer`."""
    counts = await call(control, "dlg.stats_active")
    return int(counts["all"])


def _last(child: Child) -> str:
    """The most informative line: the first error, or else the last line."""
    said = list(child.said)
    wrong = [line for line in said if any(word in line for word in ("ERROR", "CRITICAL", "FATAL", "ALERT", "Fatal"))]
    return (wrong or said or ["it said nothing"])[0].strip()
