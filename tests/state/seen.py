"""What others see of a daemon in Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from phone_daemon.state.store import (
    EVENTS,
    Command,
    call_key,
    inbox_key,
    reply_key,
)


async def until(condition: Callable[[], Any], timeout: float = 10.0) -> None:
    """Waits for something that another process does."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def shown(client: Redis, call: str) -> dict[str, str]:
    """What is listed about a call, once it is."""
    async with asyncio.timeout(10):
        while not (found := await client.hgetall(call_key(call))):  # noqa: ASYNC110 (Redis has no event for it)
            await asyncio.sleep(0.01)
    return {str(name): str(value) for name, value in found.items()}


async def events(client: Redis, count: int) -> list[dict[str, str]]:
    """The first `count` events, once there are that many."""
    found: list[dict[str, str]] = []
    last = "0-0"
    async with asyncio.timeout(10):
        while len(found) < count:
            streams: Any = await client.xread({EVENTS: last}, block=500)
            for _, entries in streams:
                found += [fields for _, fields in entries]
                last = entries[-1][0]
    return found


async def ask(client: Redis, daemon: str, command: Command) -> dict[str, Any]:
    await client.rpush(inbox_key(daemon), command.encode())
    answer = await client.blpop([reply_key(command.id)], timeout=2)
    assert answer is not None, "no answer"
    told: dict[str, Any] = json.loads(answer[1])
    return told
