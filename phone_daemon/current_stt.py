"""The recognizer that calls are given: another one once the dialplans' callers may say something else."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options, make_stt
from phone_daemon.settings.settings import SttSettings
from sidecars.host.host import Host
from sidecars.tasks import Tasks


class CurrentStt:
    """Its `host` is not started yet."""

    def __init__(self, settings: SttSettings, plans: Dialplans, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ
        self._told = engine_options(settings, plans)
        self.host: Host = make_stt(settings, plans, environ)
        self.retiring = Tasks()
        """Recognizers that calls from before a reload still use, about to be closed."""

    async def follow(self, plans: Dialplans, calls: Collection[asyncio.Task[None]]) -> None:
        """Replaces the recognizer where callers of `plans` may say something else. The one before hears `calls` out.

        Raises `HostLost` when the new one cannot start; the one before stays.
        """
        told = engine_options(self._settings, plans)
        if told == self._told:
            return
        host = make_stt(self._settings, plans, self._environ)
        try:
            await host.start()
        except BaseException:
            await host.close()
            raise
        before, self.host, self._told = self.host, host, told
        self.retiring.start(_retire(before, calls), name="retire")

    async def close(self) -> None:
        """Closes all of them, each when the calls that use it have ended."""
        await self.retiring.ended()
        await self.host.close()


async def _retire(host: Host, calls: Collection[asyncio.Task[None]]) -> None:
    if calls:
        await asyncio.wait(calls)
    await host.close()
