"""Fixtures for tests of a call's parts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from sidecars.local.inline import InlineHost
from tests.call.hearing import SETS, Expecting


@pytest_asyncio.fixture
async def expecting() -> AsyncIterator[Expecting]:
    host = InlineHost("stt", "moonshine", {"phrases": {"clinic": SETS}})
    await host.start()
    made = Expecting(host)
    yield made
    made.side.close()
    await host.close()
