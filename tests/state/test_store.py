"""State in the real Redis: what others see of the calls, and what they may ask."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from phone_daemon.clock import run_counted
from phone_daemon.events import Note
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import connect
from phone_daemon.state.server import RedisServer
from phone_daemon.state.store import (
    CALLS,
    DAEMONS,
    EVENTS,
    Command,
    CommandKind,
    State,
    call_key,
    daemon_key,
    inbox_key,
)
from tests.state.seen import ask, events, shown

DAEMON = """
import asyncio, sys
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
async def main():
    async with State.open(StateSettings(url=sys.argv[1], lease_s=1.0)) as state:
        state.register("orphan", {})
        await asyncio.Event().wait()
asyncio.run(main())
"""


# ------------------------------------------------------------------------------------------------ calls and events


async def test_a_live_call_is_shown_with_what_it_told_last(state: State, client: Redis) -> None:
    state.register("one", {"caller": "5550100", "dialplan": "dental"})
    state.note(Note("one", "state", 5, {"state": "SPEAKING"}))
    state.note(Note("one", "turn", 6, {"number": 3}))
    await events(client, 2)
    found = await shown(client, "one")
    assert (found["caller"], found["state"], found["turn"], found["daemon"]) == (
        "5550100",
        "SPEAKING",
        "3",
        state.daemon,
    )
    assert await client.smembers(CALLS) == {"one"}


async def test_a_call_that_is_over_is_shown_no_more(state: State, client: Redis) -> None:
    state.register("one", {})
    await shown(client, "one")
    state.unregister("one", "caller_hung_up")
    state.note(Note("one", "ended", 9, {"reason": "caller_hung_up"}))
    [ended] = await events(client, 1)
    assert ended["kind"] == "ended"
    assert not await client.exists(call_key("one"))
    assert await client.smembers(CALLS) == set()


async def test_an_event_carries_all_that_the_note_said(state: State, client: Redis) -> None:
    state.note(Note("one", "understood", 7, {"intent": "book", "slots": {"day": "tuesday"}}))
    [event] = await events(client, 1)
    assert (event["call"], event["kind"], event["at_ns"], event["daemon"]) == ("one", "understood", "7", state.daemon)
    assert json.loads(event["data"]) == {"intent": "book", "slots": {"day": "tuesday"}}


async def test_the_event_stream_is_capped(tmp_path: Path) -> None:
    settings = StateSettings(directory=tmp_path, max_events=200)
    async with State.open(settings) as state:
        client = connect(settings)
        for number in range(2000):
            state.note(Note("one", "turn", number, {"number": number}))
        last: Any = []
        async with asyncio.timeout(10):
            while not last or last[0][1]["at_ns"] != "1999":
                last = await client.xrevrange(EVENTS, count=1)
        # `MAXLEN ~` trims whole nodes of 100 entries.
        assert 200 <= await client.xlen(EVENTS) <= 300
        await client.aclose()


async def test_a_lease_is_renewed_for_as_long_as_the_call_lives(tmp_path: Path) -> None:
    settings = StateSettings(directory=tmp_path, lease_s=1.0)
    async with State.open(settings) as state:
        state.register("one", {})
        client = connect(settings)
        await shown(client, "one")
        until_ns = time.monotonic_ns() + 1_500_000_000
        lowest = 1000
        while time.monotonic_ns() < until_ns:
            lowest = min(lowest, await client.pttl(call_key("one")))
            await asyncio.sleep(0.02)
        # Renewed every third of the lease: more than a third always remains, even if the machine delays us.
        assert lowest > 0
        assert await client.pttl(daemon_key(state.daemon)) > 0
        await client.aclose()


async def test_the_calls_of_a_killed_daemon_vanish(state: State, client: Redis) -> None:
    assert state.server is not None
    url = f"unix://{state.server.socket}"
    daemon = await asyncio.create_subprocess_exec(sys.executable, "-c", DAEMON, url)
    await shown(client, "orphan")
    daemon.kill()
    await daemon.wait()
    async with asyncio.timeout(5):
        while await client.exists(call_key("orphan")):  # noqa: ASYNC110 (nor for an expiry)
            await asyncio.sleep(0.02)


async def test_at_the_end_nothing_of_the_daemon_is_left(state: State, settings: StateSettings, client: Redis) -> None:
    async with State.open(settings) as second:
        second.register("two", {})
        await shown(client, "two")
        assert await client.scard(DAEMONS) == 2
    assert await client.smembers(CALLS) == set()
    assert await client.smembers(DAEMONS) == {state.daemon}
    assert not await client.exists(call_key("two"), daemon_key(second.daemon))


# ------------------------------------------------------------------------------------------------ commands


async def test_a_command_reaches_its_call_and_its_answer_the_operator(state: State, client: Redis) -> None:
    state.register("one", {})

    async def obey() -> None:
        async for command in state.commands("one"):
            state.ack(command, {"said": command.argument})

    obeying = asyncio.create_task(obey())
    assert await ask(client, state.daemon, Command(CommandKind.SAY, "hello", "one")) == {"said": "hello"}
    state.unregister("one", "over")
    await asyncio.wait_for(obeying, 5)


async def test_a_command_for_the_daemon_comes_without_a_call(state: State, client: Redis) -> None:
    async def obey() -> None:
        async for command in state.commands():
            state.ack(command, {"kind": command.kind})

    obeying = asyncio.create_task(obey())
    assert await ask(client, state.daemon, Command(CommandKind.DRAIN)) == {"kind": "drain"}
    obeying.cancel()


async def test_a_command_for_a_call_that_is_not_there_is_refused(state: State, client: Redis) -> None:
    assert await ask(client, state.daemon, Command(CommandKind.HANG_UP, call="gone")) == {"error": "no such call"}


async def test_a_call_that_takes_no_commands_refuses_the_seventeenth(state: State, client: Redis) -> None:
    state.register("deaf", {})
    for _ in range(16):
        await client.rpush(inbox_key(state.daemon), Command(CommandKind.SAY, "…", "deaf").encode())
    answer = await ask(client, state.daemon, Command(CommandKind.SAY, "…", "deaf"))
    assert answer == {"error": "too many commands wait for it"}


@pytest.mark.parametrize("junk", ["", "no json", "[]", '{"kind": "explode", "argument": "", "call": "", "id": "1"}'])
async def test_what_is_no_command_is_passed_over(state: State, client: Redis, junk: str) -> None:
    await client.rpush(inbox_key(state.daemon), junk)
    assert "error" in await ask(client, state.daemon, Command(CommandKind.SAY, "x", "gone"))


async def test_commands_of_a_call_that_is_not_registered_end_at_once(state: State) -> None:
    assert [command async for command in state.commands("nobody")] == []


# ------------------------------------------------------------------------------------------------ secrets and texts


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:s3cretX@127.0.0.1:{port}", "another user or password"),
        ("redis://127.0.0.1:{port}", "another user or password"),
        ("redis://:s3cretX@127.0.0.1:1", "cannot be reached"),
        ("redis://:s3/cretX@127.0.0.1:1", "not the address of a Redis"),
    ],
)
async def test_no_password_is_ever_printed(
    elsewhere: int, caplog: pytest.LogCaptureFixture, url: str, problem: str
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = StateSettings(url=url.format(port=elsewhere))
    async with State.open(settings) as state:
        assert not state.ready
        assert problem in state.problem
    told = f"{state.problem} {caplog.text} {settings!r}"
    assert "cretX" not in told
    assert "state.lost" in caplog.text


async def test_a_redis_elsewhere_gets_no_word_of_what_was_said(
    elsewhere: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = StateSettings(url=f"redis://:s3cret@127.0.0.1:{elsewhere}")
    async with State.open(settings) as state:
        assert state.ready, state.problem
        client = connect(settings)
        state.note(Note("one", "final", 1, {"text": "my number is 42"}))
        state.note(Note("one", "digit", 2, {"digit": "4"}))
        state.note(Note("one", "barge_in", 3, {"source": "speech", "heard": "We are"}))
        found = await events(client, 3)
        await client.aclose()
    assert [json.loads(event["data"]) for event in found] == [{}, {}, {"source": "speech"}]
    assert "s3cret" not in caplog.text


async def test_texts_can_be_kept_out_of_the_embedded_server_too(tmp_path: Path) -> None:
    settings = StateSettings(directory=tmp_path, texts=False)
    async with State.open(settings) as state:
        client = connect(settings)
        state.note(Note("one", "final", 1, {"text": "my number is 42"}))
        assert [event["data"] for event in await events(client, 1)] == ["{}"]
        await client.aclose()


# ------------------------------------------------------------------------------------------------ off


def test_off_keeps_nothing_and_runs_on_the_sample_clock() -> None:
    async def main() -> list[Command]:
        async with State.off() as state:
            assert state.ready
            state.register("one", {"caller": "5550100"})
            state.note(Note("one", "final", 1, {"text": "hello"}))
            state.ack(Command(CommandKind.SAY), {})

            async def obey() -> list[Command]:
                return [command async for command in state.commands("one")]

            obeying = asyncio.create_task(obey())
            await asyncio.sleep(3600)
            state.unregister("one", "over")
            return await obeying

    assert run_counted(main()) == []


def test_a_command_survives_its_journey() -> None:
    command = Command(CommandKind.SAY, "bitte “warten”\n", "one")
    assert Command.decode(command.encode()) == command


async def test_a_server_that_is_not_ours_is_not_ended(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    await server.ensure()
    async with State.open(StateSettings(directory=tmp_path)) as state:
        assert state.ready
    assert server.pid is not None
    await server.stop()
