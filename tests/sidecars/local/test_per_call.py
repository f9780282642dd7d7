"""A child process for each call: which calls share one, and what is left of it when the call is over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost
from sidecars.local.per_call import PerCallHost
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import feed, until
from tests.sidecars.speech import words

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[PerCallHost]:
    host = PerCallHost(lambda emptied: SubprocessHost("stt", "moonshine", OPTIONS, emptied=emptied))
    await host.start()
    yield host
    await host.close()


def opened(host: PerCallHost, call: str) -> QueueChannel:
    channel = host.open(call)
    channel.send({"type": "Open", "options": {"grammar": "clinic"}})
    return channel


async def said(channel: QueueChannel, text: str) -> str:
    feed(channel, text)
    channel.send({"type": "Finalize"})
    return words((await until(channel, "Final"))["text"])


async def gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while psutil.pid_exists(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.long
async def test_a_calls_utterances_share_a_child_and_another_calls_do_not(host: PerCallHost) -> None:
    ready = host.ready
    first, spare = opened(host, "a"), opened(host, "a")
    assert await said(first, SAID[0]) == SAID[0]
    assert host.pids == {"a": ready}
    other = opened(host, "b")
    assert await said(other, SAID[1]) == SAID[1]
    assert len(set(host.pids.values())) == 2
    for channel in (first, spare, other):
        channel.close()


@pytest.mark.long
async def test_its_memory_is_given_back_when_the_call_is_over(host: PerCallHost) -> None:
    listening, spare = opened(host, "a"), opened(host, "a")
    pid = host.pids["a"]
    assert pid is not None
    listening.close()
    following = opened(host, "a")
    assert host.pids == {"a": pid}
    spare.close()
    following.close()
    assert host.pids == {}
    await gone(pid)


@pytest.mark.long
async def test_two_calls_at_once_do_not_wait_for_each_other(host: PerCallHost) -> None:
    channels = [opened(host, call) for call in "abc"]  # only one child is loaded by now
    heard = await asyncio.gather(*(said(channel, text) for channel, text in zip(channels, SAID, strict=False)))
    assert heard == list(SAID[:3])
    for channel in channels:
        channel.close()


@pytest.mark.long
async def test_a_child_that_dies_ends_the_utterances_of_its_call_alone(host: PerCallHost) -> None:
    struck, other = opened(host, "a"), opened(host, "b")
    await said(opened(host, "b"), SAID[2])
    pid = host.pids["a"]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(HostLost, match="SIGKILL"):
        await until(struck, "Final")
    again = opened(host, "a")
    assert await said(again, SAID[0]) == SAID[0]
    assert host.pids["a"] != pid
    assert await said(other, SAID[1]) == SAID[1]


async def test_what_names_no_call_waits_for_no_child(host: PerCallHost) -> None:
    first, second = opened(host, ""), opened(host, "")
    with pytest.raises(HostLost, match="no child is ready"):
        await second.receive()
    assert await said(first, SAID[0]) == SAID[0]
    first.close()
    assert host.pids == {}


@pytest.mark.long
async def test_closing_it_leaves_no_process_behind() -> None:
    host = PerCallHost(lambda emptied: SubprocessHost("stt", "moonshine", OPTIONS, emptied=emptied))
    await host.start()
    channel = opened(host, "a")
    assert await said(channel, SAID[0]) == SAID[0]
    pids = [pid for pid in (host.ready, *host.pids.values()) if pid]
    await host.close()
    with pytest.raises(HostLost):
        await channel.receive()
    for pid in pids:
        await gone(pid)


async def test_closing_it_waits_for_the_child_of_a_call_that_has_just_ended() -> None:
    host = PerCallHost(lambda emptied: SubprocessHost("stt", "moonshine", OPTIONS, emptied=emptied))
    await host.start()
    pid = host.ready
    assert pid is not None
    opened(host, "a").close()
    await host.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.long
async def test_an_engine_that_cannot_be_loaded_is_told_at_the_start() -> None:
    host = PerCallHost(lambda emptied: SubprocessHost("stt", "no_such", {}, emptied=emptied))
    with pytest.raises(HostLost, match="no such engine"):
        await host.start()
    await host.close()
