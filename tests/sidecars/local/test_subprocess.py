"""Engines in a child process: many concurrent utterances, crashes, hangs, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import venv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from sidecars.host.host import HostLost
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import feed, heard, opened, until
from tests.sidecars.local.spoken import said
from tests.sidecars.speech import words

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[SubprocessHost]:
    host = SubprocessHost("stt", "moonshine", OPTIONS)
    await host.start()
    yield host
    await host.close()


def pid_of(host: SubprocessHost) -> int:
    """Process id of the current child."""
    assert host.pid is not None
    return host.pid


async def back(host: SubprocessHost, old: int) -> str:
    """Waits until another child has replaced `old`, as a caller notices it: by being recognized again."""
    understood = await heard(host, SAID[0])
    assert host.pid not in (None, old)
    return understood


async def test_speech_is_understood(host: SubprocessHost) -> None:
    assert host.sample_rate == 16000
    assert [await heard(host, text) for text in SAID[:3]] == list(SAID[:3])


async def test_partials_come_while_the_caller_speaks(host: SubprocessHost) -> None:
    channel = opened(host)
    feed(channel, SAID[0])
    partial = await until(channel, "Partial")
    while words(partial["text"]) != SAID[0]:  # guesses improve
        partial = await until(channel, "Partial")
    channel.close()


async def test_four_utterances_at_once_do_not_mix(host: SubprocessHost) -> None:
    async with asyncio.TaskGroup() as tasks:
        each = [tasks.create_task(heard(host, text)) for text in SAID[:4]]
    assert [task.result() for task in each] == list(SAID[:4])


async def test_a_cancelled_utterance_is_freed_while_others_are_being_fed(host: SubprocessHost) -> None:
    others = [opened(host) for _ in range(3)]
    channel = opened(host)
    for each in (channel, *others):
        feed(each, SAID[0])
    channel.send({"type": "Cancel"})
    cancelled = await until(channel, "Cancelled")
    assert cancelled["open"] == 3
    assert cancelled["held"] == {"sessions": 3}
    for each in others:
        each.send({"type": "Finalize"})
        assert words((await until(each, "Final"))["text"]) == SAID[0]
        each.close()


async def test_the_last_cancel_leaves_nothing_held(host: SubprocessHost) -> None:
    channel = opened(host)
    feed(channel, SAID[0])
    channel.send({"type": "Cancel"})
    assert (await until(channel, "Cancelled"))["held"] == {"sessions": 0}


async def test_a_closed_channel_is_freed_although_nobody_asked(host: SubprocessHost) -> None:
    left = opened(host)
    feed(left, SAID[0])
    left.close()
    left.close()
    with pytest.raises(HostLost):
        await left.receive()
    channel = opened(host)
    channel.send({"type": "Cancel"})
    assert (await until(channel, "Cancelled"))["held"] == {"sessions": 0}


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        ({"type": "Audio"}, b"odd"),
        ({"type": ["Cancel"]}, b""),
        ({}, b""),
        ({"type": "Open", "options": {1, 2}}, b""),
    ],
)
async def test_a_malformed_message_fails_its_channel_and_nobody_else(
    host: SubprocessHost, message: dict[str, Any], payload: bytes
) -> None:
    pid, other = host.pid, opened(host)
    channel = host.open()
    channel.send(message, payload)
    assert (await until(channel, "Failed"))["error"]
    feed(other, SAID[1])
    other.send({"type": "Finalize"})
    assert words((await until(other, "Final"))["text"]) == SAID[1]
    other.close()
    channel.close()
    assert host.pid == pid


@pytest.mark.long
async def test_fifty_utterances_leave_no_memory_and_no_descriptor_behind(host: SubprocessHost) -> None:
    async def ten() -> None:
        for number in range(10):
            channel = opened(host)
            feed(channel, "yes please")
            channel.send({"type": "Finalize" if number % 2 else "Cancel"})
            await until(channel, "Final", "Cancelled")
            channel.close()

    await ten()
    child, ours = psutil.Process(host.pid), psutil.Process()
    rss, descriptors, our_descriptors = child.memory_info().rss, child.num_fds(), ours.num_fds()
    for _ in range(5):
        await ten()
    assert child.memory_info().rss - rss < 4 << 20
    assert (child.num_fds(), ours.num_fds()) == (descriptors, our_descriptors)


@pytest.mark.long
async def test_a_killed_child_ends_its_channels_and_the_next_one_hears(
    host: SubprocessHost, caplog: pytest.LogCaptureFixture
) -> None:
    pid, channel = pid_of(host), opened(host)
    feed(channel, SAID[0])
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(HostLost, match=rf"pid {pid}\) was killed by SIGKILL"):
        await until(channel, "Final")
    assert await back(host, pid) == SAID[0]
    assert "was killed by SIGKILL" in caplog.text


@pytest.mark.long
async def test_a_child_that_dies_again_and_again_is_replaced_again_and_again(host: SubprocessHost) -> None:
    for _ in range(3):
        pid, channel = pid_of(host), opened(host)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(HostLost):
            await until(channel, "Final")
        assert await back(host, pid) == SAID[0]


async def test_signals_meant_for_the_daemon_do_not_end_a_child(host: SubprocessHost) -> None:
    pid = pid_of(host)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert await heard(host, SAID[0]) == SAID[0]
    assert host.pid == pid


async def test_a_child_that_hangs_is_replaced() -> None:
    host = SubprocessHost("tts", "espeak", {}, stall_s=1.0)
    await host.start()
    pid, channel = pid_of(host), host.open()
    try:
        os.kill(pid, signal.SIGSTOP)
        channel.send({"type": "Speak", "text": "Hello."})
        with pytest.raises(HostLost, match="SIGKILL"):
            await until(channel, "Done")
        again = host.open()
        again.send({"type": "Speak", "text": "Hello."})
        assert (await until(again, "Done", "Failed"))["type"] == "Done"
        assert host.pid != pid
    finally:
        await host.close()


async def test_a_cancel_is_seen_in_the_middle_of_a_text() -> None:
    host = SubprocessHost("tts", "espeak", {})
    await host.start()
    try:
        channel = host.open()
        channel.send({"type": "Speak", "text": "This is a rather long sentence about nothing. " * 100})
        await until(channel, "Chunk")
        channel.send({"type": "Cancel"})
        channel.send({"type": "Speak", "text": "Bye."})
        kinds: list[str] = []
        while not kinds or kinds[-1] != "Done":
            kinds.append((await channel.receive())[0]["type"])
        assert kinds.count("Done") == kinds.count("Cancelled") == 1
        assert kinds.index("Cancelled") < kinds.index("Done")
    finally:
        await host.close()


async def test_another_interpreter_without_the_engines_packages_is_told_apart(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    host = SubprocessHost("stt", "moonshine", OPTIONS, python=str(tmp_path / "bin" / "python"))
    with pytest.raises(HostLost, match="ModuleNotFoundError: No module named 'numpy'"):
        await host.start()


async def test_another_interpreter_with_the_engines_packages_hosts_it() -> None:
    host = SubprocessHost("tts", "espeak", {}, python=sys.executable)
    await host.start()
    assert "en-us" in host.voices
    await host.close()


@pytest.mark.parametrize(
    ("engine", "options", "python", "reason"),
    [
        ("no_such", {}, "", "no such engine"),
        ("moonshine", {"phrases": ["hello"]}, "", "phrases: must be"),
        ("moonshine", {"phrases": {1, 2}}, "", "options cannot be sent"),
        ("moonshine", {}, "/no/such/python", "/no/such/python: No such file"),
        ("moonshine", {}, "/bin/false", "before it was ready"),
    ],
)
async def test_a_child_that_cannot_start_says_why_and_is_not_tried_again(
    engine: str, options: dict[str, Any], python: str, reason: str
) -> None:
    host = SubprocessHost("stt", engine, options, python)
    with pytest.raises(HostLost, match=reason):
        await host.start()
    assert host.pid is None
    with pytest.raises(HostLost, match="does not run"):
        await host.open().receive()


@pytest.mark.long
async def test_warnings_of_the_engine_reach_the_log_with_their_level(caplog: pytest.LogCaptureFixture) -> None:
    host = SubprocessHost("tts", "hibari", {})
    await host.start()
    assert await said(host, "Hello, にほ.") == "Done"
    await host.close()
    (record,) = [record for record in caplog.records if "have no sound" in record.message]
    assert record.levelno == logging.WARNING
    assert "words of a text that have no sound in English" in record.message and "tts engine hibari" in record.message


async def test_closing_leaves_no_process_no_descriptor_and_no_task() -> None:
    ours, tasks = psutil.Process(), asyncio.all_tasks()
    descriptors = ours.num_fds()
    host = SubprocessHost("tts", "espeak", {})
    await host.start()
    pid, channel = pid_of(host), host.open()
    await host.close()
    await host.close()
    assert not psutil.pid_exists(pid)
    assert ours.num_fds() == descriptors
    assert asyncio.all_tasks() == tasks
    with pytest.raises(HostLost, match="was shut down"):
        await channel.receive()


@pytest.mark.long
async def test_a_child_that_says_how_far_it_is_may_take_its_time(tmp_path: Path) -> None:
    """An engine that downloads its weights takes minutes; a shell stands for it, and then becomes a real engine."""
    python = tmp_path / "python"
    saying = "(while kill -0 $$ 2>/dev/null; do echo INFO loading >&2; sleep 0.1; done) &"
    for patient, says in ((True, saying), (False, "")):
        python.write_text(f'#!/bin/sh\n{says}\nsleep 2\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        host = SubprocessHost("tts", "espeak", {}, str(python), start_timeout_s=0.7)
        if patient:
            await host.start()
            assert await said(host) == "Done"
            await host.close()
        else:
            with pytest.raises(HostLost, match=r"was not ready after 0\.7 s"):
                await host.start()
