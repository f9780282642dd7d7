"""Many clients that ask the same."""

from __future__ import annotations

import asyncio

import pytest

from phone_daemon.web.shared_answer import SharedAnswer


async def test_who_asks_meanwhile_gets_the_same_answer_and_who_asks_afterwards_a_new_one() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return asked

    shared = SharedAnswer(ask)
    assert await asyncio.gather(*(shared.get() for _ in range(5))) == [1] * 5
    assert await shared.get() == 2


async def test_who_asks_soon_afterwards_gets_the_same_answer_where_it_is_kept() -> None:
    answers = iter(range(10))

    async def ask() -> int:
        return next(answers)

    shared = SharedAnswer(ask, keep_s=0.05)
    assert await shared.get() == await shared.get() == 0
    await asyncio.sleep(0.06)
    assert await shared.get() == 1


async def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    go = asyncio.Event()

    async def ask() -> str:
        await go.wait()
        return "there"

    shared = SharedAnswer(ask)
    first, second = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    first.cancel()
    go.set()
    assert await second == "there"


async def test_a_failure_is_everybodys_and_not_the_next_ones() -> None:
    answers = iter([ValueError("down"), None])

    async def ask() -> str:
        await asyncio.sleep(0)
        if (error := next(answers)) is not None:
            raise error
        return "up"

    shared = SharedAnswer(ask)
    failed = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert [str(each) for each in failed] == ["down", "down"]
    assert await shared.get() == "up"
    with pytest.raises(StopIteration):
        next(answers)
