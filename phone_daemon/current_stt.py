"""The recognizer for new calls, which is replaced when callers to the dialplans may say something else."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.engines import engine_options, make_stt
from phone_daemon.settings.settings import SttSettings
from sidecars.host.host import Host
from sidecars.tasks import Tasks


class CurrentStt:
    """The current recognizer; its `host` is not started yet."""

    def __init__(self, settings: SttSettings, plans: Dialplans, environ: Mapping[str, str]) -> None:
        self._settings, self._environ = settings, environ
        self._told = engine_options(settings, plans)
        self.host: Host = make_stt(settings, plans, environ)
        self.retiring = Tasks()
        """Recognizers that calls from before a reload still use, waiting to be closed."""

    async def follow(self, plans: Dialplans, calls: Collection[asyncio.Task[None]]) -> None:
        """Replaces the recognizer if callers to `plans` may say something else. The previous one serves `calls` to
        their end.

        Raises `HostLost` if the new one cannot start; then the previous one stays.
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
        """Closes all recognizers, each when the calls that use it have ended."""
        await self.retiring.ended()
        await self.host.close()


async def _retire(host: Host, calls: Collection[asyncio.Task[None]]) -> None:
    if calls:
        await asyncio.wait(calls)
    await host.close()
