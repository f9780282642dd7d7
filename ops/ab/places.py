"""Where an engine may run, and what each place requires: hosts, the sidecar, interpreters.

Knows nothing of the daemon, so that a place can be measured without one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sidecars
from ops.live.processes import last_line
from sidecars.host.host import Host
from sidecars.local.inprocess import InProcessHost
from sidecars.local.per_call import PerCallHost
from sidecars.local.subprocess import SubprocessHost
from sidecars.remote.listen_client import ListenHost

PLACES: Mapping[str, str] = {
    "listen": "the sidecar, over TCP",
    "listen_unix": "the sidecar, over a Unix socket",
    "subprocess": "one child process of the daemon",
    "inprocess": "a thread of the daemon",
    "per_call": "one child process for each call",
}
LOAD_S = 300.0
"""An engine that takes longer than this to load, even on a busy machine, is stuck."""
END_S = 10.0


class CannotRun(Exception):
    """The engine cannot run at this place; one line that says why."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine to run."""

    name: str
    options: Mapping[str, Any]
    """As in the settings."""
    python: str = ""
    """The interpreter of its own environment; if empty, it runs under the daemon's."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Further options from the daemon: what callers may say, if the engine uses it."""

    @property
    def everything(self) -> dict[str, Any]:
        """All options that it is started with."""
        return {**self.told, **self.options}


def host(place: str, engine: Engine, url: str = "") -> Host:
    """The client's end of `place`; `url`: the sidecar's."""
    if place in ("listen", "listen_unix"):
        return ListenHost(url)
    if place == "inprocess":
        return InProcessHost("stt", engine.name, engine.everything)
    if place == "subprocess":
        return SubprocessHost("stt", engine.name, engine.everything, engine.python, start_timeout_s=LOAD_S)
    return PerCallHost(
        lambda emptied: SubprocessHost(
            "stt", engine.name, engine.everything, engine.python, start_timeout_s=LOAD_S, emptied=emptied
        )
    )


def settings(place: str, engine: Engine, url: str = "") -> dict[str, object]:
    """The daemon's `[stt]` for `place`, without a fallback, so that failures show."""
    if place in ("listen", "listen_unix"):
        return {"host": "listen", "url": url, "fallback": ""}
    return {
        "engine": engine.name,
        "host": "inprocess" if place == "inprocess" else "subprocess",
        "per_call": place == "per_call",
        "fallback": "",
        "options": dict(engine.options),
    }


# ------------------------------------------------------------------------------------------------ interpreters

_BOTH = """\
import site
import sys

if sys.version_info[:2] != {version!r}:
    sys.exit("the engine's Python is %d.%d, the daemon's {version[0]}.{version[1]}" % sys.version_info[:2])
site.addsitedir({packages!r})
"""


def client(place: str, engine: Engine, folder: Path) -> tuple[str, dict[str, str]]:
    """The interpreter of the engine's client, the daemon or another, and its additional environment variables.

    If both share a process, this is the engine's interpreter, with the daemon's packages behind the engine's own: where
    the two want different versions of a package, the engine's wins. `folder`: for files that must outlive the call.
    """
    if place != "inprocess" or not engine.python:
        return sys.executable, {}
    file = folder / "both" / "sitecustomize.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(_BOTH.format(version=tuple(sys.version_info[:2]), packages=sysconfig.get_path("purelib")))
    return engine.python, {"PYTHONPATH": str(file.parent)}


def engine_alone(engine: Engine, folder: Path) -> tuple[str, dict[str, str]]:
    """The interpreter of the engine, with `sidecars` and no other package of the project, as in production."""
    home = folder / "sidecars-only"
    home.mkdir(exist_ok=True)
    if not (home / "sidecars").exists():
        (home / "sidecars").symlink_to(Path(sidecars.__file__).parent, target_is_directory=True)
    return engine.python or sys.executable, {"PYTHONPATH": str(home), "PYTHONSAFEPATH": "1"}


async def run(python: str, environ: Mapping[str, str], words: list[str], folder: Path) -> None:
    """Runs a program to its end. Raises `CannotRun` with the last line of its output if it fails."""
    errors = folder / "program.log"
    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(python, "-W", "ignore", *words),
            env={**os.environ, **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            status = await process.wait()
        finally:
            await _end(process)
    if status:
        said = last_line(errors.read_text(errors="replace"))
        raise CannotRun(said or f"{Path(words[-1]).name} ended with status {status}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


# ------------------------------------------------------------------------------------------------ the sidecar


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running listen server."""

    url: str
    pid: int


@asynccontextmanager
async def sidecar(place: str, engine: Engine, folder: Path) -> AsyncIterator[Sidecar | None]:
    """The listen server of `place` while the block lasts; None if the place is not a server. Raises `CannotRun`."""
    if place not in ("listen", "listen_unix"):
        yield None
        return
    python, environ = engine_alone(engine, folder)
    words = ["-m", "sidecars.serve.stt", "--engine", engine.name]
    for name, value in engine.everything.items():
        file = folder / f"option-{name}.json"
        file.write_text(json.dumps(value))
        words += ["--option", f"{name}=@{file}"]
    words += ["--socket", str(folder / "listen.sock")] if place == "listen_unix" else ["--port", "0"]
    errors = folder / "sidecar.log"
    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(python, "-W", "ignore", *words),
            env={**os.environ, **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LOAD_S):
            while "listens on" not in (line := (await process.stdout.readline()).decode()):
                if not line:
                    await process.wait()
                    said = last_line(errors.read_text(errors="replace"))
                    raise CannotRun(said or f"the sidecar ended with status {process.returncode}")
        yield Sidecar(line.split()[-1], process.pid)
    finally:
        await _end(process)
