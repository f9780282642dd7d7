"""A call is placed once for each key, whatever becomes of the first request."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import HTTPException

from phone_daemon.web.api_models import Dialed
from phone_daemon.web.dial import REMEMBERED, Once

pytestmark = pytest.mark.asyncio


class Line:
    """Places calls that are answered when the test says."""

    def __init__(self) -> None:
        self.placed = 0
        self.outcome = asyncio.Event()

    async def call(self) -> Dialed:
        self.placed += 1
        await self.outcome.wait()
        return Dialed.model_validate({"result": "answered", "call": f"call-{self.placed}"})


async def test_a_request_that_is_repeated_while_it_rings_or_later_gets_the_first_ones_answer() -> None:
    once, line = Once(), Line()
    first = asyncio.create_task(once.get("ann", "key", "body", line.call))
    again = asyncio.create_task(once.get("ann", "key", "body", line.call))
    await asyncio.sleep(0)
    first.cancel()  # Its client went away.
    line.outcome.set()
    assert (await again).call == (await once.get("ann", "key", "body", line.call)).call == "call-1"
    assert line.placed == 1


async def test_other_keys_other_owners_and_no_key_are_other_calls() -> None:
    once, line = Once(), Line()
    line.outcome.set()
    for owner, key in (("ann", "key"), ("ann", "other"), ("bob", "key"), ("ann", ""), ("ann", "")):
        await once.get(owner, key, "body", line.call)
    assert line.placed == 5
    with pytest.raises(HTTPException, match="another request"):
        await once.get("ann", "key", "another body", line.call)


async def test_a_failure_is_an_answer_and_the_oldest_keys_are_forgotten() -> None:
    once, placed = Once(), 0

    async def fails() -> Dialed:
        nonlocal placed
        placed += 1
        raise HTTPException(409, "the daemon did not answer")

    for key in ("0", "0", *map(str, range(1, REMEMBERED + 1)), "0"):
        with pytest.raises(HTTPException, match="did not answer"):
            await once.get("ann", key, "body", fails)
    assert placed == REMEMBERED + 2
