"""Utterances as a call sees them, on both hosts."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
import pytest_asyncio

from phone_daemon.clock import run_counted
from phone_daemon.events import Transcript
from phone_daemon.stt.session import EarsLost, Recognizer
from sidecars.local.inline import InlineHost
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.speech import caller, wide, words

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLINIC = {"grammar": "clinic"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["inline", "subprocess"])
async def host(request):
    host = {"inline": InlineHost, "subprocess": SubprocessHost}[request.param]("stt", "moonshine", OPTIONS)
    await host.start()
    yield host
    await host.close()


@pytest_asyncio.fixture(loop_scope="module")
async def recognizer(host):
    """Of a call in which no test may leave a task or an utterance behind."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    yield Recognizer(host, CLINIC)
    assert asyncio.all_tasks() - {asyncio.current_task()} == tasks
    last = Recognizer(host, CLINIC).open()
    await last.cancel()
    assert await last.released() == {"sessions": 0}


def say(session, text):
    audio = wide(caller(text))
    for begin in range(0, len(audio), 640):
        session.feed(audio[begin : begin + 640])


async def all_of(session):
    return [transcript async for transcript in session.transcripts()]


async def test_partials_come_and_the_final_last(recognizer):
    session = recognizer.open()
    assert session.sample_rate == 16000
    say(session, SAID[0])
    told = session.transcripts()
    partial = await anext(told)
    final = await session.finalize()
    *partials, last = [transcript async for transcript in told]
    assert last is final
    assert (words(final.text), final.final) == (SAID[0], True)
    assert 0.5 < final.confidence <= 1
    assert partial.text
    assert not any(each.final for each in (partial, *partials))


async def test_a_final_needs_nobody_who_listens_for_partials(recognizer):
    session = recognizer.open()
    say(session, SAID[1])
    assert words((await session.finalize()).text) == SAID[1]
    assert words((await session.finalize()).text) == SAID[1]
    assert await all_of(session) == [await session.finalize()]


async def test_one_who_listens_late_gets_the_newest_partial_only(recognizer):
    session = recognizer.open()
    say(session, SAID[0])
    other = recognizer.open()
    say(other, SAID[0])
    assert words((await other.finalize()).text) == SAID[0]  # steps are for all: the first was heard, too
    first = await anext(aiter(session.transcripts()))
    assert first == Transcript(first.text, False, first.confidence)
    assert words(first.text) == SAID[0]
    await session.cancel()


async def test_a_cancelled_utterance_is_silent_at_once_and_released_soon(recognizer):
    session = recognizer.open()
    listening = asyncio.create_task(all_of(session))
    say(session, SAID[0])
    await session.cancel()
    await session.cancel()
    assert not [transcript for transcript in await listening if transcript.final]
    assert await session.released() == {"sessions": 0}
    assert await session.released() == {"sessions": 0}
    assert await all_of(session) == []
    session.feed(bytes(640))


async def test_a_cancel_overtakes_a_final_that_somebody_waits_for(recognizer):
    session = recognizer.open()
    say(session, SAID[0])
    waiting = asyncio.create_task(session.finalize())
    await asyncio.sleep(0)
    await session.cancel()
    with pytest.raises(EarsLost, match="cancelled"):
        await waiting
    with pytest.raises(EarsLost, match="cancelled"):
        await session.finalize()
    await session.released()


async def test_what_others_hold_is_told_on_release(recognizer):
    other = recognizer.open()
    say(other, SAID[2])
    await anext(aiter(other.transcripts()))  # by now it is open for sure: a cancel overtakes what waits
    session = recognizer.open()
    await session.cancel()
    assert await session.released() == {"sessions": 1}
    assert words((await other.finalize()).text) == SAID[2]


async def test_whoever_waits_may_stop_waiting_and_nothing_is_lost(recognizer):
    session = recognizer.open()
    listening = asyncio.create_task(all_of(session))
    say(session, SAID[0])
    for _ in range(3):
        waiting = asyncio.create_task(session.finalize())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert words((await session.finalize()).text) == SAID[0]


async def test_a_closed_utterance_ends_whoever_waits(recognizer):
    session = recognizer.open()
    listening = asyncio.create_task(all_of(session))
    waiting = asyncio.create_task(session.finalize())
    await asyncio.sleep(0)
    session.close()
    session.close()
    assert not [transcript for transcript in await listening if transcript.final]
    with pytest.raises(EarsLost):
        await waiting
    with pytest.raises(EarsLost, match="closed"):
        await session.released()


async def test_an_utterance_that_the_engine_gives_up_says_why(host):
    session = Recognizer(host, {"grammar": "clinic"}).open()
    session.feed(bytes(3))
    listening = asyncio.create_task(all_of(session))
    with pytest.raises(EarsLost, match="3 bytes are not whole 16-bit samples"):
        await session.finalize()
    with pytest.raises(EarsLost, match="3 bytes are not whole 16-bit samples"):
        await listening


async def test_fifty_utterances_leave_no_channel_behind(recognizer, host):
    for number in range(50):
        session = recognizer.open()
        session.feed(bytes(3200))
        if number % 2:
            await session.finalize()
        else:
            await session.cancel()
            await session.released()
    assert not host._channels


async def test_a_dead_engine_is_told_to_everybody_who_waits_and_the_next_utterance_is_heard():
    host = SubprocessHost("stt", "moonshine", OPTIONS)
    await host.start()
    try:
        sessions = [Recognizer(host, CLINIC).open() for _ in range(3)]
        for session in sessions:
            say(session, SAID[0])
        await sessions[2].cancel()
        waiting = [all_of(sessions[0]), sessions[1].finalize(), sessions[2].released()]
        os.kill(host.pid, signal.SIGKILL)
        # The one cancelled may have been released before the kill.
        first, second, third = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(first, EarsLost)
        assert isinstance(second, EarsLost)
        assert isinstance(third, EarsLost | dict)
        assert "SIGKILL" in str(first)
        session = Recognizer(host, CLINIC).open()
        say(session, SAID[0])
        assert words((await session.finalize()).text) == SAID[0]
    finally:
        await host.close()


async def test_on_a_counted_clock_an_utterance_takes_no_time():
    async def main():
        host = InlineHost("stt", "moonshine", OPTIONS)
        await host.start()
        session = Recognizer(host, CLINIC).open()
        listening = asyncio.create_task(all_of(session))
        say(session, SAID[0])
        final = await session.finalize()
        await listening
        await host.close()
        return final.text, asyncio.get_running_loop().time()

    # On a thread of its own, because this one has a loop already.
    text, took_s = await asyncio.to_thread(run_counted, main())
    assert (words(text), took_s) == (SAID[0], 0.0)
