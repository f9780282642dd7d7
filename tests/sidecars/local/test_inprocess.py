"""Engines in a thread of this process, and what happens when they fail."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecars.engine import EngineLost
from sidecars.engines.moonshine import Moonshine
from sidecars.host.host import HostLost
from sidecars.local.inprocess import InProcessHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.hearing import feed, heard, opened, until
from tests.sidecars.speech import words

LONG = "This is a rather long sentence about nothing. " * 100


@pytest.fixture
async def host() -> AsyncIterator[InProcessHost]:
    host = InProcessHost("stt", "moonshine", OPTIONS)
    await host.start()
    yield host
    await host.close()
    assert "stt engine moonshine" not in [thread.name for thread in threading.enumerate()]


async def test_speech_is_understood_in_a_thread_of_the_engines_own(host: InProcessHost) -> None:
    async with asyncio.TaskGroup() as tasks:
        each = [tasks.create_task(heard(host, text)) for text in SAID[:3]]
    assert [task.result() for task in each] == list(SAID[:3])
    assert [thread.name for thread in threading.enumerate()].count("stt engine moonshine") == 1
    assert host.problem == ""


@pytest.mark.long
async def test_a_final_says_when_each_of_its_words_was_said(host: InProcessHost) -> None:
    channel = opened(host)
    feed(channel, SAID[0])
    channel.send({"type": "Finalize"})
    final = await until(channel, "Final")
    assert [word for word, *_ in final["words"]] == final["text"].split()
    assert words(final["text"]) == SAID[0]
    times = [time for _, start, end, _ in final["words"] for time in (start, end)]
    assert times == sorted(times)
    assert 0.3 < times[0] < times[-1] < 3.0, "the caller speaks after 0.4 s of silence"
    assert all(0 <= confidence <= 1 for *_, confidence in final["words"])


@pytest.mark.long
async def test_a_cancel_between_two_steps_frees_the_utterance(host: InProcessHost) -> None:
    other, channel = opened(host), opened(host)
    feed(other, SAID[0])
    feed(channel, SAID[0])
    await until(channel, "Partial")
    channel.send({"type": "Cancel"})
    cancelled = await until(channel, "Cancelled")
    assert (cancelled["held"], cancelled["open"]) == ({"sessions": 1}, 1)
    other.close()
    last = opened(host)
    last.send({"type": "Cancel"})
    assert (await until(last, "Cancelled"))["held"] == {"sessions": 0}


@pytest.mark.long
async def test_an_engine_that_fails_is_loaded_again_and_hears_what_was_sent_meanwhile(
    host: InProcessHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = opened(host)
    with monkeypatch.context() as broken:
        broken.setattr(Moonshine, "held", lambda self: 1 / 0)
        channel.send({"type": "Cancel"})
        with pytest.raises(HostLost, match="stt engine moonshine failed: division by zero"):
            await until(channel, "Cancelled")
    assert host.problem
    assert await heard(host, SAID[1]) == SAID[1]
    assert host.problem == ""


@pytest.mark.long
async def test_an_engine_that_is_lost_for_the_whole_process_is_not_loaded_again(
    host: InProcessHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(*_: object) -> None:
        raise EngineLost("CUDA failed (an illegal memory access)")

    monkeypatch.setattr(Moonshine, "step", lost)
    channel = opened(host)
    feed(channel, SAID[0])
    reason = "stt engine moonshine failed: CUDA failed (an illegal memory access)"
    with pytest.raises(HostLost, match=re.escape(reason)):
        await until(channel, "Final")
    assert await host.lost == host.problem == reason
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL] == [
        f'engine.down reason="{reason}"'
    ]
    with pytest.raises(HostLost, match="does not run"):
        await host.open().receive()


async def test_a_text_is_stopped_in_the_middle_and_a_close_does_not_wait_for_its_end() -> None:
    host = InProcessHost("tts", "espeak", {})
    await host.start()
    assert "en-us" in host.voices
    channel = host.open()
    assert channel.sample_rate == 22050
    channel.send({"type": "Speak", "text": LONG})
    await until(channel, "Chunk")
    channel.send({"type": "Cancel"})
    channel.send({"type": "Speak", "text": "Bye."})
    kinds: list[str] = []
    while not kinds or kinds[-1] != "Done":
        kinds.append((await channel.receive())[0]["type"])
    assert kinds.count("Done") == kinds.count("Cancelled") == 1
    channel.send({"type": "Speak", "text": LONG})
    await until(channel, "Chunk")
    async with asyncio.timeout(1.0):
        await host.close()
    with pytest.raises(HostLost, match="was shut down"):
        await until(channel, "Done")


@pytest.mark.parametrize(
    ("engine", "options", "reason"),
    [("no_such", {}, "no such engine"), ("moonshine", {"phrases": ["hello"]}, "phrases: must be")],
)
async def test_an_engine_that_cannot_start_says_why_and_leaves_no_thread(
    engine: str, options: dict[str, Any], reason: str
) -> None:
    threads = threading.active_count()
    host = InProcessHost("stt", engine, options)
    with pytest.raises(HostLost, match=reason):
        await host.start()
    with pytest.raises(HostLost, match="does not run"):
        await host.open().receive()
    await asyncio.sleep(0.05)
    assert threading.active_count() == threads
