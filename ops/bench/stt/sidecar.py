"""A listen server as a child process, in the environment of its engine, for the recognition bench."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

import sidecars
from ops.live.processes import Cost, cost, last_line
from sidecars.environment import interpreter

START_S = 180.0
STOP_S = 15.0
ROOT = Path(sidecars.__file__).parent.parent


class SidecarFailed(Exception):
    """It did not start; the message is the end of its output."""


def python_of(engine: str) -> str:
    """The Python that runs `engine`: its own environment's if there is one, else ours."""
    return interpreter(engine) or sys.executable


def environ(threads: int = 1) -> dict[str, str]:
    """For a process that imports this checkout's `sidecars`, in addition to its existing PYTHONPATH."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}


class Sidecar:
    """`async with Sidecar("nemo", {"model": …}) as server`: ready, on a free loopback port."""

    def __init__(
        self, engine: str, options: Mapping[str, object], *, port: int = 0, max_sessions: int = 0, python: str = ""
    ) -> None:
        """`python`: the interpreter to run it, if not that of the engine's own environment."""
        self.engine = engine
        self._python = python or python_of(engine)
        self._words = ["--engine", engine, "--port", str(port)]
        for name, value in options.items():
            self._words += ["--option", f"{name}={json.dumps(value)}"]
        if max_sessions:
            self._words += ["--max-sessions", str(max_sessions)]
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Raises `SidecarFailed`."""
        with tempfile.TemporaryFile() as log:
            self._process = await asyncio.create_subprocess_exec(
                *(self._python, "-W", "ignore", "-m", "sidecars.serve.stt", *self._words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environ(),
            )
            assert self._process.stdout is not None
            try:
                async with asyncio.timeout(START_S):
                    line = (await self._process.stdout.readline()).decode()
            except BaseException:
                await self.stop()
                raise
            if "://" not in line:
                await self.stop()
                log.seek(0)
                said = last_line(log.read().decode(errors="replace"))
                raise SidecarFailed(said or f"{self.engine}: it ended without output")
        self.url = line.strip().rpartition(" ")[2]

    async def stop(self, *, kill: bool = False) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            (self._process.kill if kill else self._process.terminate)()
            try:
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def cost(self) -> Cost:
        return cost(self.pid)

    async def sessions(self) -> dict[str, Any]:
        """The answer of `/debug/sessions`."""
        async with aiohttp.ClientSession() as http, http.get(f"{self._http}/debug/sessions") as answer:
            told: dict[str, Any] = await answer.json()
            return told

    async def held(self) -> dict[str, int]:
        """Slots in use in each of the engine's stores."""
        return dict((await self.sessions())["held"])

    @property
    def _http(self) -> str:
        return self.url.replace("ws://", "http://").rpartition("/v1/")[0]


def bare_steps(
    engine: str, options: Mapping[str, object], audio: bytes, streams: str, seconds: float = 6.0
) -> dict[str, Any]:
    """The output of `sidecars.step_time`, run in the environment of the engine. Raises `SidecarFailed`."""
    words = [word for name, value in options.items() for word in ("--option", f"{name}={json.dumps(value)}")]
    ran = subprocess.run(
        [
            *(python_of(engine), "-W", "ignore", "-m", "sidecars.step_time", "--engine", engine, *words),
            *("--streams", streams, "--seconds", str(seconds)),
        ],
        input=audio,
        capture_output=True,
        env=environ(),
        check=False,
    )
    if ran.returncode:
        said = last_line(ran.stderr.decode(errors="replace"))
        raise SidecarFailed(said or f"{engine}: step_time ended with {ran.returncode}")
    told: dict[str, Any] = json.loads(ran.stdout.decode().strip().splitlines()[-1])
    return told
