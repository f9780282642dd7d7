"""The event stream across a Redis that is emptied while the clock goes back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import connect
from phone_daemon.state.store import EVENTS, State
from phone_daemon.web.event_feed import EventFeed

LATER = "9000000000000-0"
"""The id of an event by a clock that is ahead."""


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[Redis]:
    async with State.open(StateSettings(directory=tmp_path)):
        client = connect(StateSettings(directory=tmp_path))
        yield client
        await client.aclose()


@pytest_asyncio.fixture
async def feed(redis: Redis, tmp_path: Path) -> AsyncIterator[EventFeed]:
    async with EventFeed(StateSettings(directory=tmp_path)) as feed, asyncio.timeout(20):
        while feed.problem:  # noqa: ASYNC110 (Redis has none)
            await asyncio.sleep(0.02)
        yield feed


async def add(redis: Redis, kind: str, id: str = "*") -> str:
    return str(await redis.xadd(EVENTS, {"kind": kind, "call": "c"}, id=id))


async def kinds(feed: EventFeed, last: str, count: int) -> list[str]:
    found: list[str] = []
    async for events in feed.follow(last):
        found += [event.kind for event in events]
        if len(found) >= count:
            break
    return found


@pytest.mark.asyncio
async def test_a_reader_that_comes_back_with_an_id_of_an_emptied_redis_hears_what_there_is(
    redis: Redis, feed: EventFeed
) -> None:
    await add(redis, "started")
    following = asyncio.create_task(kinds(feed, LATER, 2))
    while not following.done():
        await add(redis, "turn")
        await asyncio.sleep(0.05)
    assert following.result() == ["started", "turn"]
    assert [event.kind for event in await feed.page(LATER, limit=2)] == ["started", "turn"]


@pytest.mark.asyncio
async def test_a_reader_that_stays_is_sent_back_to_hear_the_new_stream(redis: Redis, feed: EventFeed) -> None:
    following = asyncio.create_task(kinds(feed, "", 3))
    while not feed._readers:  # noqa: ASYNC110 (it is a task)
        await asyncio.sleep(0.02)
    await add(redis, "ahead", LATER)
    while not feed._last.startswith("9"):  # noqa: ASYNC110 (Redis has none)
        await asyncio.sleep(0.02)
    await redis.delete(EVENTS)
    await add(redis, "after")
    assert await following == ["ahead"]
    assert await kinds(feed, LATER, 1) == ["after"]


@pytest.mark.asyncio
async def test_events_that_were_removed_are_not_an_emptied_redis(redis: Redis, feed: EventFeed) -> None:
    """The newest events belonged to somebody who was forgotten: a reader that has seen them hears none again."""
    await add(redis, "kept")
    gone = await add(redis, "gone")
    await redis.xdel(EVENTS, gone)
    following = asyncio.create_task(kinds(feed, gone, 1))
    while not following.done():
        await add(redis, "next")
        await asyncio.sleep(0.05)
    assert following.result()[0] == "next"
    assert await feed.page(gone, limit=1) != [] and (await feed.page(gone, limit=1))[0].kind == "next"


def test_the_documentation_names_every_kind_of_event() -> None:
    told = re.compile(r'\b_?(?:tell|report)\(\s*"([a-z_]+)"')
    kinds = {kind for path in Path("phone_daemon/call").rglob("*.py") for kind in told.findall(path.read_text())}
    assert {"started", "turn", "ended"} < kinds
    listed = re.search(r"^Kinds are (.*?)\. ", Path("docs/web.md").read_text(), re.S | re.M)
    assert listed is not None
    assert set(re.findall("`([a-z_]+)`", listed[1])) == kinds
