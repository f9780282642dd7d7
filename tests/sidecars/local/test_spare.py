"""A second child that is ready to take over from the first."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import pytest_asyncio

from sidecars.host.host import HostLost
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.hearing import until
from tests.sidecars.local.spoken import said

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "This is a rather long sentence about nothing. " * 100


def pid_of(host: SubprocessHost) -> int:
    """Process id of the current child."""
    assert host.pid is not None
    return host.pid


def spare_pid_of(host: SubprocessHost) -> int:
    assert host.spare_pid is not None
    return host.spare_pid


@pytest_asyncio.fixture(loop_scope="module")
async def spared() -> AsyncIterator[SubprocessHost]:
    host = SubprocessHost("tts", "espeak", {}, spare=True, cancel_s=0.2)
    await host.start()
    await spare_of(host)
    yield host
    await host.close()


async def spare_of(host: SubprocessHost, *others: Any) -> Any:
    """Waits for a spare that is not among `others`; returns its process id."""
    async with asyncio.timeout(30):
        while host.spare_pid in (None, *others):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return host.spare_pid


async def said_again(host: SubprocessHost) -> Any:
    """Like `said`, for a host that may not have noticed yet that its child is dead."""
    async with asyncio.timeout(30):
        while True:
            with suppress(HostLost):
                return await said(host)


async def test_the_spare_takes_over_from_a_child_that_dies_and_another_is_made_ready(spared: SubprocessHost) -> None:
    for _ in range(2):
        pid, spare = pid_of(spared), spare_pid_of(spared)
        channel = spared.open()
        channel.send({"type": "Speak", "text": LONG})
        await until(channel, "Chunk")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(HostLost, match=rf"pid {pid}\) was killed by SIGKILL"):
            await until(channel, "Done")
        assert await said(spared) == "Done"
        assert spared.pid == spare
        await spare_of(spared, spare)


@pytest.mark.parametrize("order", ["Cancel", "Close"])
async def test_a_child_that_is_told_to_stop_and_does_not_look_up_is_killed_and_the_spare_takes_over(
    spared: SubprocessHost, order: str, caplog: pytest.LogCaptureFixture
) -> None:
    pid, spare, channel = pid_of(spared), spare_pid_of(spared), spared.open()
    channel.send({"type": "Speak", "text": LONG})
    await until(channel, "Chunk")
    os.kill(pid, signal.SIGSTOP)  # as if in the middle of a step that nothing can interrupt
    if order == "Cancel":
        channel.send({"type": "Cancel"})
        with pytest.raises(HostLost, match="SIGKILL"):
            await until(channel, "Cancelled")
    else:
        channel.close()
        async with asyncio.timeout(10):
            while spared.pid in (pid, None):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert await said(spared) == "Done"
    assert spared.pid == spare
    assert "it did not stop within 0.2 s" in caplog.text


async def test_a_child_that_stops_in_time_is_kept(spared: SubprocessHost) -> None:
    pid, channel = pid_of(spared), spared.open()
    for _ in range(3):
        channel.send({"type": "Speak", "text": LONG})
        await until(channel, "Chunk")
        channel.send({"type": "Cancel"})
        await until(channel, "Cancelled")
    await asyncio.sleep(0.5)  # past every deadline
    assert await said(spared) == "Done"
    assert spared.pid == pid


async def test_a_lost_spare_is_replaced(spared: SubprocessHost, caplog: pytest.LogCaptureFixture) -> None:
    pid, spare = pid_of(spared), spare_pid_of(spared)
    os.kill(spare, signal.SIGKILL)
    await spare_of(spared, spare)
    assert "engine.spare_lost" in caplog.text
    os.kill(pid, signal.SIGKILL)
    assert await said_again(spared) == "Done"


async def test_a_spare_that_died_a_moment_ago_is_not_taken(spared: SubprocessHost) -> None:
    os.kill(spare_pid_of(spared), signal.SIGKILL)
    os.kill(pid_of(spared), signal.SIGKILL)
    assert await said_again(spared) == "Done"


@pytest.mark.long
async def test_closing_leaves_no_spare_behind() -> None:
    ours, tasks = psutil.Process(), asyncio.all_tasks()
    descriptors, children = ours.num_fds(), ours.children()
    for wait in (True, False):  # one is ready, and one is starting
        host = SubprocessHost("tts", "espeak", {}, spare=True)
        await host.start()
        if wait:
            await spare_of(host)
        else:
            await asyncio.sleep(0.05)
        await host.close()
    assert ours.children() == children
    assert ours.num_fds() == descriptors
    assert asyncio.all_tasks() == tasks
