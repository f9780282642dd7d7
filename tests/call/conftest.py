"""Fixtures for tests of a call's parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import cache

import pytest_asyncio

from sidecars.local.inline import InlineHost
from tests.call.hearing import SETS, Expecting
from tests.phone import held


@cache
def _stt() -> InlineHost:
    return InlineHost("stt", "moonshine", {"phrases": {"clinic": SETS}})


@pytest_asyncio.fixture
async def expecting() -> AsyncIterator[Expecting]:
    """Tests share one engine as long as each leaves nothing in it."""
    host = _stt()
    if not host.sample_rate:
        await host.start()
    made = Expecting(host)
    yield made
    made.side.close()
    async with asyncio.timeout(10.0):
        while host._server is not None and host._server.busy:  # noqa: ASYNC110 (the engine works on this loop)
            await asyncio.sleep(0)
    if held(host):
        await host.close()
        _stt.cache_clear()
