"""What the death, the hanging, and the absence of a real Redis cost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from phone_daemon.events import Note
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state import store as module
from phone_daemon.state.client import connect
from phone_daemon.state.store import (
    State,
)
from tests.state.seen import events, shown, until


async def test_a_killed_redis_is_started_again_and_told_of_every_live_call(
    state: State, client: Redis, settings: StateSettings
) -> None:
    state.register("one", {"caller": "5550100"})
    await shown(client, "one")
    assert state.server is not None
    assert state.server.pid is not None
    os.kill(state.server.pid, signal.SIGKILL)
    await until(lambda: not state.ready)
    assert "cannot be reached" in state.problem
    state.register("two", {})
    state.note(Note("two", "digit", 1, {"digit": "5"}))
    await until(lambda: state.ready)
    fresh = connect(settings)
    assert (await shown(fresh, "one"))["caller"] == "5550100"
    await shown(fresh, "two")
    assert [event["call"] for event in await events(fresh, 1)] == ["two"]
    await fresh.aclose()


async def test_a_redis_that_hangs_is_noticed_while_the_loop_goes_on(
    state: State, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    assert state.server is not None
    assert state.server.pid is not None
    os.kill(state.server.pid, signal.SIGSTOP)
    try:
        while state.ready:
            state.note(Note("one", "partial", 0, {"text": "well"}))
            await asyncio.sleep(0.005)
        assert "does not answer in time" in state.problem
    finally:
        os.kill(state.server.pid, signal.SIGCONT)
    await until(lambda: state.ready)


async def test_what_was_connected_when_redis_failed_is_closed(
    state: State, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    assert state.server is not None and state.server.pid is not None
    before = len(await client.client_list())
    for _ in range(3):
        os.kill(state.server.pid, signal.SIGSTOP)
        try:
            while state.ready:
                state.note(Note("one", "partial", 0, {"text": "well"}))
                await asyncio.sleep(0.005)
        finally:
            os.kill(state.server.pid, signal.SIGCONT)
        await until(lambda: state.ready)
    async with asyncio.timeout(5):
        while len(await client.client_list()) > before:  # noqa: ASYNC110 (Redis has no event for it)
            await asyncio.sleep(0.02)


async def test_events_that_nobody_takes_are_forgotten_oldest_first(tmp_path: Path) -> None:
    async with State.open(StateSettings(url=f"unix://{tmp_path}/none.sock")) as state:
        for number in range(module.MAX_PENDING + 10):
            state.note(Note("one", "turn", number, {"number": number}))
        assert state.dropped == 10
        assert not state.ready


async def test_a_second_daemon_takes_over_when_the_first_ends_the_server(settings: StateSettings) -> None:
    first = State.open(settings)
    await first.__aenter__()
    async with State.open(settings) as second:
        assert second.server is not None
        assert second.server.pid is None
        await first.__aexit__(None, None, None)
        await until(lambda: second.server is not None and second.server.pid is not None and second.ready)


async def test_without_a_server_it_is_degraded_and_says_why(tmp_path: Path) -> None:
    async with State.open(StateSettings(directory=tmp_path / ("x" * 100))) as state:
        assert not state.ready
        assert "too long a path for a socket" in state.problem
        state.register("one", {})
        state.unregister("one", "over")
