"""An agent's process: starts it, reads its events from its output, and measures it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

START_S = 120.0
"""Importing a framework takes long on a busy machine."""
LAST_WORDS_S = 10.0
"""How long an agent may take after a call to report what it believes it said."""


class NotThere(Exception):
    """An agent could not be started; one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Event:
    """An agent's event during a call: `turn` (a caller's turn is over, and answered), `trigger` (it assumes that the
    caller has begun one), `history` (what it thinks it has said).
    """

    kind: str
    at: float
    """`time.monotonic()`."""
    about: dict[str, Any]


class Agent:
    """`async with Agent(name, command) as agent`: it listens at `agent.url`."""

    def __init__(self, name: str, command: Sequence[str | Path]) -> None:
        self.name = name
        self.url = ""
        self._command = command
        self._events: dict[str, list[Event]] = {}
        self._told = asyncio.Event()
        self._last_words = "nothing was said"

    async def __aenter__(self) -> Self:
        """Raises `NotThere`."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, limit=1 << 20
            )
        except OSError as error:
            raise NotThere(f"{self.name}: {error}") from None
        assert self._process.stdout is not None
        self._logging = asyncio.create_task(self._read_log())
        try:
            async with asyncio.timeout(START_S):
                while not self.url:
                    line = await self._process.stdout.readline()
                    if not line:
                        await self._logging
                        raise NotThere(f"{self.name}: it ended before it was ready: {self._last_words}")
                    self.url = _told(line).get("url", "")
        except TimeoutError:
            await self._end()
            raise NotThere(f"{self.name}: it was not ready after {START_S:g} s: {self._last_words}") from None
        except BaseException:
            await self._end()
            raise
        self._reading = asyncio.create_task(self._read())
        self._inner = psutil.Process(self._process.pid)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self._end()

    async def _end(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), LAST_WORDS_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._last_words = line.decode(errors="replace").strip() or self._last_words

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = _told(line)
            if "call" in told:
                event = Event(told.pop("kind"), told.pop("at"), told)
                self._events.setdefault(told.pop("call"), []).append(event)
                self._told.set()

    async def events(self, call: str) -> list[Event]:
        """All events of a finished call."""
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                while not any(event.kind == "history" for event in self._events.get(call, [])):
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            pass  # it has no history, and need not report one
        return self._events.pop(call, [])

    def cpu_s(self) -> float:
        """CPU time of its process and its children since the start."""
        return sum(sum(each.cpu_times()[:2]) for each in self._family())

    def memory_mb(self) -> float:
        """Resident memory, likewise."""
        return sum(each.memory_info().rss for each in self._family()) / 1e6

    def _family(self) -> list[psutil.Process]:
        return [self._inner, *self._inner.children(recursive=True)]


def _told(line: bytes) -> dict[str, Any]:
    """Lines that are not JSON are a library's own log output."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
