"""Utterances as used by a call, on both hosts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from phone_daemon.clock import run_counted
from phone_daemon.events import SAMPLE_RATE, WIDE_RATE, Transcript
from phone_daemon.stt.utterance import SttLost, Utterance
from sidecars.local.inline import InlineHost
from sidecars.local.recognition import BACKLOG_S
from sidecars.local.subprocess import SubprocessHost
from tests.fakes import MortalHost
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.speech import caller, wide, words

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLINIC = {"grammar": "clinic"}
AnyHost = InlineHost | SubprocessHost


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[InlineHost, SubprocessHost])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[AnyHost]:
    host: AnyHost = request.param("stt", "moonshine", OPTIONS)
    await host.start()
    yield host
    await host.close()


@pytest_asyncio.fixture(loop_scope="module")
async def host(engine: AnyHost) -> AsyncIterator[AnyHost]:
    """No test may leave a task or an utterance behind."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    yield engine
    assert asyncio.all_tasks() - {asyncio.current_task()} == tasks
    last = Utterance(engine, CLINIC)
    await last.cancel()
    assert await last.released() == {"sessions": 0}


def say(utterance: Utterance, text: str, at: Callable[[bytes], bytes] = bytes) -> None:
    audio = at(caller(text))
    for begin in range(0, len(audio), 320):
        utterance.feed(audio[begin : begin + 320])


def partials(utterance: Utterance) -> list[Transcript]:
    """Where its partials are collected."""
    found: list[Transcript] = []
    utterance.on_partial(found.append)
    return found


async def test_partials_come_before_the_final(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    found = partials(utterance)
    say(utterance, SAID[0])
    async with asyncio.timeout(10.0):
        while not found:  # noqa: ASYNC110
            await asyncio.sleep(0)
    final = await utterance.finalize()
    assert (words(final.text), final.final) == (SAID[0], True)
    assert 0.5 < final.confidence <= 1
    assert all(each.text and not each.final for each in found)


async def test_a_final_needs_nobody_who_listens_for_partials_and_can_be_asked_for_twice(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    say(utterance, SAID[1])
    assert words((await utterance.finalize()).text) == SAID[1]
    assert words((await utterance.finalize()).text) == SAID[1]


async def test_one_who_listens_late_is_told_the_newest_partial_at_once(host: AnyHost) -> None:
    utterance, other = Utterance(host, CLINIC), Utterance(host, CLINIC)
    say(utterance, SAID[0])
    say(other, SAID[0])
    assert words((await other.finalize()).text) == SAID[0]
    async with asyncio.timeout(10.0):
        while utterance._partial is None or words(utterance._partial.text) != SAID[0]:  # noqa: ASYNC110
            await asyncio.sleep(0)
    (newest,) = partials(utterance)
    assert words(newest.text) == SAID[0]
    await utterance.cancel()
    await utterance.released()


async def test_a_cancelled_utterance_is_silent_at_once_and_released_soon(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    found = partials(utterance)
    say(utterance, SAID[0])
    await utterance.cancel()
    await utterance.cancel()
    told = len(found)
    assert await utterance.released() == {"sessions": 0}
    assert await utterance.released() == {"sessions": 0}
    assert len(found) == told
    utterance.feed(bytes(640))


async def test_a_cancel_overtakes_a_final_that_somebody_waits_for(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    say(utterance, SAID[0])
    waiting = asyncio.create_task(utterance.finalize())
    await asyncio.sleep(0)
    await utterance.cancel()
    with pytest.raises(SttLost, match="cancelled"):
        await waiting
    with pytest.raises(SttLost, match="cancelled"):
        await utterance.finalize()
    await utterance.released()


async def test_what_others_hold_is_told_on_release(host: AnyHost) -> None:
    other = Utterance(host, CLINIC)
    opened = asyncio.Event()
    other.on_partial(lambda _: opened.set())
    say(other, SAID[2])
    await opened.wait()  # it is certainly open by now: a cancel overtakes whatever is queued
    utterance = Utterance(host, CLINIC)
    await utterance.cancel()
    assert await utterance.released() == {"sessions": 1}
    assert words((await other.finalize()).text) == SAID[2]


async def test_whoever_waits_may_stop_waiting_and_nothing_is_lost(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    say(utterance, SAID[0])
    for _ in range(3):
        waiting = asyncio.create_task(utterance.finalize())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert words((await utterance.finalize()).text) == SAID[0]


async def test_a_closed_utterance_ends_whoever_waits(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    waiting = asyncio.create_task(utterance.finalize())
    await asyncio.sleep(0)
    utterance.close()
    utterance.close()
    with pytest.raises(SttLost):
        await waiting
    with pytest.raises(SttLost, match="closed"):
        await utterance.released()


async def test_an_utterance_that_the_engine_gives_up_says_why(host: AnyHost) -> None:
    utterance = Utterance(host, CLINIC)
    utterance.feed(bytes(2 * SAMPLE_RATE * (int(BACKLOG_S) + 1)))
    with pytest.raises(SttLost, match="the engine is slower than speech"):
        await utterance.finalize()


async def test_fifty_utterances_leave_no_channel_behind(host: AnyHost) -> None:
    for number in range(50):
        utterance = Utterance(host, CLINIC)
        utterance.feed(bytes(1600))
        if number % 2:
            await utterance.finalize()
        else:
            await utterance.cancel()
            await utterance.released()
    assert not host._channels


async def killed(host: SubprocessHost) -> None:
    """The engine's process is killed, and another has replaced it."""
    old = host.pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    async with asyncio.timeout(30.0):
        while host.pid in (old, None) or host.problem:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.long
async def test_an_utterance_whose_engine_dies_is_heard_again_once_and_one_cancelled_is_not() -> None:
    host = SubprocessHost("stt", "moonshine", OPTIONS)
    await host.start()
    try:
        utterance, cancelled = Utterance(host, CLINIC), Utterance(host, CLINIC)
        for each in (utterance, cancelled):
            say(each, SAID[0])
        await cancelled.cancel()
        await killed(host)
        assert words((await utterance.finalize()).text) == SAID[0]
        try:
            assert await cancelled.released() == {"sessions": 1}  # it was released before the kill
        except SttLost as lost:
            assert "SIGKILL" in str(lost)
    finally:
        await host.close()


@pytest.mark.long
async def test_one_at_16_khz_is_understood_and_heard_again_at_16_khz_when_its_engine_dies() -> None:
    host = SubprocessHost("stt", "moonshine", OPTIONS)
    await host.start()
    try:
        for dies in (False, True):
            utterance = Utterance(host, CLINIC, rate=WIDE_RATE)
            say(utterance, SAID[0], wide)
            if dies:
                await killed(host)
            assert words((await utterance.finalize()).text) == SAID[0]
    finally:
        await host.close()


@pytest.mark.long
async def test_an_utterance_that_kills_two_engines_is_given_up_and_the_next_is_heard() -> None:
    host = SubprocessHost("stt", "moonshine", OPTIONS)
    await host.start()
    try:
        utterance = Utterance(host, CLINIC)
        for _ in range(2):
            say(utterance, SAID[0])
            await killed(host)
        with pytest.raises(SttLost, match="SIGKILL"):
            await utterance.finalize()
        following = Utterance(host, CLINIC)
        say(following, SAID[0])
        assert words((await following.finalize()).text) == SAID[0]
    finally:
        await host.close()


@pytest.mark.long
async def test_a_spare_whose_engine_died_before_it_heard_anything_hears_all_the_same() -> None:
    host = SubprocessHost("stt", "moonshine", OPTIONS)
    await host.start()
    try:
        spare = Utterance(host, CLINIC)
        for _ in range(2):
            await killed(host)
        say(spare, SAID[0])
        assert words((await spare.finalize()).text) == SAID[0]
    finally:
        await host.close()


async def test_an_utterance_is_heard_again_by_one_more_engine_and_a_spare_by_any() -> None:
    host = MortalHost("stt", "moonshine", OPTIONS)
    await host.start()
    try:
        begun, spare, unlucky, cancelled = (Utterance(host, CLINIC) for _ in range(4))
        await cancelled.cancel()
        audio = caller(SAID[0])
        half = len(audio) // 640 * 320
        for each in (begun, unlucky):
            each.feed(audio[:half])
        await host.die()
        with pytest.raises(SttLost, match="killed"):
            await cancelled.released()
        begun.feed(audio[half:])
        assert words((await begun.finalize()).text) == SAID[0]
        begun.feed(audio)  # it is over
        assert words((await begun.finalize()).text) == SAID[0]
        await host.die()
        unlucky.feed(audio[half:])
        with pytest.raises(SttLost, match="killed"):
            await unlucky.finalize()
        say(spare, SAID[1])
        assert words((await spare.finalize()).text) == SAID[1]
        assert not host._channels
    finally:
        await host.close()


async def test_without_an_engine_an_utterance_is_lost_and_says_why() -> None:
    host = InlineHost("stt", "moonshine", OPTIONS)
    await host.start()
    await host.close()
    utterance = Utterance(host)
    utterance.feed(bytes(320))
    with pytest.raises(SttLost, match="does not run"):
        await utterance.finalize()


async def test_on_a_counted_clock_an_utterance_takes_no_time() -> None:
    async def main() -> tuple[str, float]:
        host = InlineHost("stt", "moonshine", OPTIONS)
        await host.start()
        utterance = Utterance(host, CLINIC)
        say(utterance, SAID[0])
        final = await utterance.finalize()
        await host.close()
        return final.text, asyncio.get_running_loop().time()

    # In a separate thread, because this one already has a loop.
    text, took_s = await asyncio.to_thread(run_counted, main())
    assert (words(text), took_s) == (SAID[0], 0.0)
