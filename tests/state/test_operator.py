"""The operator's end of the command channel, with a real Redis and the daemon's own end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.store import CommandKind, State


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    async with State.open(StateSettings(directory=tmp_path)) as state:
        yield state


@pytest.fixture
async def commands(state: State, tmp_path: Path) -> AsyncIterator[Commands]:
    async with Commands(StateSettings(directory=tmp_path)) as commands:
        yield commands


async def shown(commands: Commands, call: str) -> dict[str, str]:
    """What is listed about a call, once it is listed at all."""
    async with asyncio.timeout(5):
        while call not in (calls := await commands.calls()):  # noqa: ASYNC110 (Redis has no event for it)
            await asyncio.sleep(0.01)
    return calls[call]


async def test_a_command_reaches_its_call_and_the_answer_comes_back(state: State, commands: Commands) -> None:
    state.register("one", {"caller": "5550100"})

    async def obey() -> None:
        async for command in state.commands("one"):
            state.ack(command, {"said": command.argument, "kind": str(command.kind)})

    obeying = asyncio.create_task(obey())
    assert (await shown(commands, "one"))["caller"] == "5550100"
    assert await commands.order("one", CommandKind.SAY, "hello") == {"said": "hello", "kind": "say"}
    state.unregister("one", "over")
    await obeying


async def test_a_refused_command_says_why(state: State, commands: Commands) -> None:
    state.register("one", {})

    async def refuse() -> None:
        async for command in state.commands("one"):
            state.ack(command, {"error": "the agent is not speaking"})

    refusing = asyncio.create_task(refuse())
    await shown(commands, "one")
    with pytest.raises(CommandFailed, match="not speaking"):
        await commands.order("one", CommandKind.INTERRUPT)
    state.unregister("one", "over")
    await refusing


async def test_a_call_that_is_over_takes_no_commands(state: State, commands: Commands) -> None:
    with pytest.raises(CommandFailed, match="not live"):
        await commands.order("gone", CommandKind.INTERRUPT)


async def test_a_redis_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Commands(StateSettings(directory=tmp_path)) as commands:
        with pytest.raises(CommandFailed, match=r"redis\.sock"):
            await commands.calls()
