"""Several daemons on one machine, each a process of its own: one event loop carries some 25 calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from phone_daemon.end_with_parent import end_with_parent
from sidecars.log import Event

log = logging.getLogger(__name__)

STEADY_S = 10.0
"""A daemon that lived for this long did not die of starting."""
LAST_DELAY_S = 10.0


async def run(words: Sequence[str], count: int) -> int:
    """Runs `python -m phone_daemon WORDS --block K` for each K; returns the worst exit code once all have ended.

    Signals go on to each. One that dies is started again, more slowly if it keeps dying. One that ends by itself (a
    drain) stays ended, and so do all if none can start (2). If others run, what is in the way of one, such as a port
    that somebody else has, or a server that did not answer in time, may go.
    """
    fleet: list[_Daemon] = []
    for at in range(count):
        fleet.append(_Daemon([sys.executable, "-m", "phone_daemon", *words, "--block", str(at)], fleet))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _pass_on, fleet, number)
    try:
        return max(await asyncio.gather(*(daemon.keep() for daemon in fleet)))
    finally:
        for daemon in fleet:
            daemon.signal(signal.SIGKILL)


def _pass_on(fleet: Sequence[_Daemon], number: int) -> None:
    for daemon in fleet:
        daemon.signal(number)


class _Daemon:
    def __init__(self, command: list[str], fleet: Sequence[_Daemon]) -> None:
        """`fleet`: all of them, this one too."""
        self._command = command
        self._fleet = fleet
        self._process: asyncio.subprocess.Process | None = None
        self._told_to_end = asyncio.Event()
        self._given_up = asyncio.Event()

    def signal(self, number: int) -> None:
        """Harmless when it does not run just now."""
        if number != signal.SIGHUP:
            self._told_to_end.set()
            self._given_up.set()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def keep(self) -> int:
        loop = asyncio.get_running_loop()
        delay = 0.0
        while True:
            began = loop.time()
            # A group of its own: Ctrl-C is passed on once, not by the terminal as well.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, process_group=0, env=os.environ, preexec_fn=end_with_parent()
            )
            code = await self._process.wait()
            if code in (0, 130) or (code == 2 and not delay and await self._nobody_starts()):
                return abs(code)
            if self._told_to_end.is_set():
                return abs(code)
            delay = 0.1 if loop.time() - began > STEADY_S else min(2 * delay + 0.5, LAST_DELAY_S)
            log.error(Event("daemon.died", code=code, again_s=delay))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._told_to_end.wait()
                    return abs(code)

    async def _nobody_starts(self) -> bool:
        """Whether none of the fleet can start: then it is the settings' fault."""
        self._given_up.set()
        try:
            async with asyncio.timeout(STEADY_S):
                await asyncio.gather(*(daemon._given_up.wait() for daemon in self._fleet))
        except TimeoutError:
            return False
        return True
