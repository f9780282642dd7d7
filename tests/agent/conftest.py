"""A model server that follows a script, and a factory of agents that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from phone_daemon.agent.factory import AgentFactory
from phone_daemon.settings.settings import LlmSettings
from tests.sse_server import SseServer


@pytest.fixture
async def server() -> AsyncIterator[SseServer]:
    async with SseServer() as running:
        yield running


@pytest.fixture
async def factory(server: SseServer) -> AsyncIterator[AgentFactory]:
    factory = AgentFactory(LlmSettings(server.base_url), {"HOOK_KEY": "s3cret"})
    yield factory
    await factory.close()
