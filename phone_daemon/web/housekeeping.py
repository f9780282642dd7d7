"""Keeps the index of past calls up to date and removes calls that are past their time limit, in a background thread."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from phone_daemon.settings.web import WebSettings
from phone_daemon.web.call_store import CallStore
from sidecars.log import Event

log = logging.getLogger(__name__)

EVERY_S = 600.0
"""How often calls that are past their time limit are looked for."""
MOST_WAITING = 10_000


class Housekeeping:
    def __init__(self, store: CallStore, settings: WebSettings) -> None:
        self._store = store
        self._settings = settings
        self._ended: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)

    def observe(self, note: Mapping[str, Any]) -> None:
        """Remembers a call that has ended."""
        if note.get("kind") == "ended" and not self._ended.full():
            self._ended.put_nowait(str(note.get("call", "")))

    async def run(self) -> None:
        """Runs until cancelled. Errors are logged, and the work is tried again at its next time."""
        loop = asyncio.get_running_loop()
        expire_at = loop.time()
        await self._try(self._store.sync)
        while True:
            if loop.time() >= expire_at:
                expire_at = loop.time() + EVERY_S
                await self._try(self._expire)
            try:
                async with asyncio.timeout_at(expire_at):
                    call = await self._ended.get()
            except TimeoutError:
                continue
            await self._try(lambda call=call: self._store.add(call))

    def _expire(self) -> None:
        settings = self._settings
        if not (settings.keep_days or settings.keep_gb):
            return
        removed = self._store.expire(settings.keep_days, settings.keep_gb, datetime.now(UTC))
        if removed.calls:
            log.info(Event("calls.expired", calls=removed.calls, bytes=removed.bytes))

    async def _try(self, what: Any) -> None:
        try:
            await asyncio.to_thread(what)
        except (OSError, sqlite3.Error) as error:
            log.error(Event("calls.index_failed", reason=error))
