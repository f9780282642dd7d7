"""`phone-daemon serve` as a child process on free loopback ports, for burst, bench, and tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ops.live.ports import free_port
from phone_daemon.settings.settings import StateSettings

START_S = 30.0
STOP_S = 10.0

Section = Mapping[str, object]


class DaemonFailed(Exception):
    """The daemon did not start; the message is its output on stderr."""


class DaemonProcess:
    """A daemon that runs while the block lasts.

    `sections` are settings as in the TOML file (`{"sip": {"codecs": ["PCMU"]}}`). They override the defaults, which put
    the daemon on free ports and its files under `directory`. `module`: the module to run, which takes the command line
    of `phone_daemon`; `python`: the interpreter. Raises `DaemonFailed` if the daemon is not ready within `start_s`.
    """

    def __init__(
        self,
        directory: Path,
        sections: Mapping[str, Section | object] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        module: str = "phone_daemon",
        python: str = sys.executable,
        start_s: float = START_S,
    ) -> None:
        self._command = [python, "-m", module, "serve"]
        self._start_s = start_s
        self.directory = directory
        self.port = free_port()
        self.calls_directory = directory / "calls"
        self.state = StateSettings(directory=directory)
        self._sections: dict[str, Any] = {
            "health_port": free_port(),
            "sip": {"port": self.port},
            "calls": {"directory": str(self.calls_directory)},
            "state": {"directory": str(directory)},
        }
        for name, value in (sections or {}).items():
            laid = self._sections.get(name)
            self._sections[name] = {**laid, **value} if isinstance(laid, dict) and isinstance(value, dict) else value
        self.health_port: int = self._sections["health_port"]
        self._environ = {**os.environ, **(environ or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._log = directory / "daemon.log"

    async def __aenter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = self.directory / "settings.toml"
        settings.write_text(to_toml(self._sections))
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(*self._command, "-c", str(settings)),
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            async with asyncio.timeout(self._start_s):
                while not await self._ready():
                    if self._process.returncode is not None:
                        raise DaemonFailed(f"the daemon ended with {self._process.returncode}:\n{self.log()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            await self.kill()
            raise DaemonFailed(f"the daemon was not ready within {self._start_s:g} s:\n{self.log()}") from None
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            try:
                # Twice: calls that are still live have been measured, so there is no need to wait for them.
                self.signal(signal.SIGINT)
                await asyncio.sleep(0.05)
                self.signal(signal.SIGINT)
                await self.ended(STOP_S)
            finally:
                await self.kill()

    @property
    def pid(self) -> int:
        """Process id. Raises `RuntimeError` before the start."""
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.returncode is None

    def uri(self, number: str = "100") -> str:
        """SIP URI for a called number."""
        return f"sip:{number}@127.0.0.1:{self.port}"

    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def calls(self) -> list[Path]:
        """Folders of the calls so far, oldest first (their names sort by time)."""
        return sorted(self.calls_directory.iterdir()) if self.calls_directory.is_dir() else []

    def signal(self, number: int) -> None:
        """Sends a signal; does nothing if the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def ended(self, timeout: float) -> int:
        """Waits for its exit status. Raises `TimeoutError`."""
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        async with asyncio.timeout(timeout):
            return await self._process.wait()

    async def kill(self) -> None:
        """Kills it if it is still running."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def health(self, path: str = "/readyz", block: int = 0) -> tuple[int, str]:
        """Status code and body of a health page; (0, "") if there is no answer. `block`: which of several daemons."""
        try:
            async with asyncio.timeout(2.0):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.health_port + block)
                try:
                    writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
                finally:
                    writer.close()
            return int(head.split(" ")[1]), body
        except (OSError, TimeoutError, ValueError, IndexError):
            return 0, ""

    async def readiness(self) -> dict[str, Any]:
        """The answer of /readyz; empty if there is none."""
        return dict(json.loads((await self.health())[1] or "{}"))

    async def idle(self, timeout: float = 10.0) -> None:
        """Waits until the daemon has no live calls. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while json.loads((await self.health())[1] or '{"live_calls": 1}')["live_calls"]:  # noqa: ASYNC110 (HTTP)
                await asyncio.sleep(0.05)

    async def _ready(self) -> bool:
        return (await self.health("/healthz"))[0] == 200


async def listening(port: int) -> None:
    """Returns once something accepts TCP connections on loopback `port`. Raises `TimeoutError` after 30 s."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def to_toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Writes TOML from plain values (JSON's strings, numbers, lists, and booleans are also TOML's) and tables of
    them.
    """
    lines = [f"{json.dumps(key)} = {_value(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += [f"[{prefix}{json.dumps(key)}]", to_toml(value, f"{prefix}{json.dumps(key)}.")]
    return "\n".join(lines)


def _value(value: object) -> str:
    """A value, or a list of values or tables, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # DEL is the one control character that JSON leaves as it is and TOML forbids.
    return json.dumps(value).replace("\x7f", "\\u007f")
