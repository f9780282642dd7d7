"""A real Redis, and a daemon's state in it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import connect
from phone_daemon.state.server import binary
from phone_daemon.state.store import (
    State,
)
from tests.state.seen import until


@pytest.fixture
def settings(tmp_path: Path) -> StateSettings:
    return StateSettings(directory=tmp_path)


@pytest.fixture
async def state(settings: StateSettings) -> AsyncIterator[State]:
    async with State.open(settings) as state:
        assert state.ready, state.problem
        yield state


@pytest.fixture
async def client(state: State, settings: StateSettings) -> AsyncIterator[Redis]:
    client = connect(settings)
    yield client
    await client.aclose()


@pytest.fixture
async def elsewhere() -> AsyncIterator[int]:
    """Port of a real Redis on TCP that requires a password: `s3cret`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = await asyncio.create_subprocess_exec(
        *(binary(), "--port", str(port), "--bind", "127.0.0.1", "--requirepass", "s3cret", "--save", ""),
        stdout=asyncio.subprocess.DEVNULL,
    )

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await until(listening)
    yield port
    server.kill()
    await server.wait()
