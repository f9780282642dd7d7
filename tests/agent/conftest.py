"""A model server that follows a script, and minds that think with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from phone_daemon.agent.factory import Minds
from phone_daemon.settings.settings import LlmSettings
from tests.sse_server import SseServer


@pytest.fixture
async def server() -> AsyncIterator[SseServer]:
    async with SseServer() as running:
        yield running


@pytest.fixture
async def minds(server: SseServer) -> AsyncIterator[Minds]:
    minds = Minds(LlmSettings(server.base_url), {"HOOK_KEY": "s3cret"})
    yield minds
    await minds.close()
