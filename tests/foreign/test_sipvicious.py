"""SIPVicious (third-party) scans a line card with trunks: it finds that something answers, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from phone_daemon.settings.trunks import TrunkSettings
from tests.foreign.programs import need
from tests.foreign.test_trunks import line
from tests.wire.calls import PATIENCE_S

pytestmark = [pytest.mark.foreign, pytest.mark.asyncio(loop_scope="module")]


async def scan(program: str, port: int, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(need(program), "-p", str(port), *arguments, "127.0.0.1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(3 * PATIENCE_S):
            return (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port() -> AsyncIterator[int]:
    """SIP port of a card whose only trunk is elsewhere; a call that came through would be a failure."""
    async with line(TrunkSettings(name="carrier", addresses=("127.0.0.7",))) as (cards, _, calls):
        yield cards.ports[0]
        assert not calls


async def test_a_scan_for_devices_does_not_learn_what_answers(port: int) -> None:
    found = await scan("svmap", port, "-m", "INVITE")
    assert f"| 127.0.0.1:{port} | unknown " in found


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "REGISTER"])
async def test_a_scan_for_numbers_finds_none(port: int, method: str) -> None:
    """100 is a dialplan's number, and is answered like any other."""
    assert "found nothing" in await scan("svwar", port, "-m", method, "-e", "98-102")
