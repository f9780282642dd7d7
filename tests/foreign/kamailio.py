"""Kamailio (third-party) as a provider's registrar and proxy on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from ops.live.ports import free_port
from ops.witness.probe import until
from tests.foreign.programs import need

HERE = Path(__file__).parent
USER, PASSWORD = "620", "correct-horse-battery"
_ASKED = re.compile(r"ASKED (\S+) (\S+) (\S+) user=(\S+) auth=(\S+) expires=(\S+) contact=(\S+) to=(\S+)")


class Kamailio:
    """`async with Kamailio(folder) as registrar`, then `registrar.port`. Calls to numbers that begin with + go to
    `callee`.
    """

    def __init__(
        self, folder: Path, *, algorithm: str = "MD5", expires: int = 60, port: int = 0, callee: str = "127.0.0.1:9"
    ) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._values = {"algorithm": algorithm, "expires": expires, "callee": callee}
        self._log = folder / f"kamailio-{self.port}.log"

    async def __aenter__(self) -> Self:
        program = need("kamailio")
        config = self._folder / f"kamailio-{self.port}.cfg"
        text = (HERE / "kamailio.cfg").read_text()
        config.write_text(text.format(port=self.port, user=USER, password=PASSWORD, **self._values))
        runtime = self._folder / f"kamailio-{self.port}"
        runtime.mkdir(exist_ok=True)
        self._output = self._log.open("ab")
        self._process = await asyncio.create_subprocess_exec(
            program, "-f", str(config), "-DD", "-E", "-m", "16", "-M", "4", "-Y", str(runtime),
            stdin=asyncio.subprocess.DEVNULL, stdout=self._output, stderr=self._output, start_new_session=True,
        )  # fmt: skip
        await until(lambda: _listens(self.port) or self._process.returncode is not None, 15)
        assert self._process.returncode is None, self._log.read_text()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            # Its processes form a separate group.
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._output.close()

    def asked(self, method: str) -> list[dict[str, str]]:
        """Requests so far, oldest first."""
        names = ("method", "source", "transport", "user", "auth", "expires", "contact", "to")
        found = (dict(zip(names, each, strict=True)) for each in _ASKED.findall(self._log.read_text(errors="replace")))
        return [each for each in found if each["method"] == method]


def _listens(port: int) -> bool:
    """Whether the TCP port is open on this machine; Kamailio opens it last."""
    wanted = f":{port:04X} "
    return any(wanted in line and " 0A " in line for line in Path("/proc/net/tcp").read_text().splitlines())
