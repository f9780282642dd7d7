"""The sample clock: simulated time, the same order in every run, and a clear error when nothing can happen any more."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from phone_daemon.clock import Deadlock, SampleClockLoop, now_ns, run_counted


def test_an_hour_passes_without_being_waited_for() -> None:
    async def main() -> int:
        assert now_ns() == 0
        await asyncio.sleep(3600)
        return now_ns()

    began = time.monotonic()
    assert run_counted(main()) == 3600 * 10**9
    assert time.monotonic() - began < 60


def test_ten_minutes_of_frames_end_on_the_exact_nanosecond() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        stamps = []
        for frame in range(30_000):
            await asyncio.sleep(frame * 0.020 - loop.time())
            stamps.append(now_ns())
        return stamps

    assert run_counted(main()) == [frame * 20_000_000 for frame in range(30_000)]


def test_the_order_of_many_timers_is_the_same_every_run() -> None:
    async def main() -> list[tuple[int, str]]:
        order: list[tuple[int, str]] = []

        async def worker(name: str, period_s: float) -> None:
            for _ in range(50):
                await asyncio.sleep(period_s)
                order.append((now_ns(), name))

        async with asyncio.TaskGroup() as tasks:
            for number in range(10):
                tasks.create_task(worker(f"w{number}", 0.010 * (1 + number % 3)))
        return order

    first = run_counted(main())
    assert first == run_counted(main())
    assert [at for at, _ in first] == sorted(at for at, _ in first)


def test_a_timeout_fires_at_its_own_moment_and_cancels_what_it_guards() -> None:
    async def main() -> tuple[int, list[str]]:
        undone: list[str] = []
        try:
            async with asyncio.timeout(1.5):
                try:
                    await asyncio.sleep(10)
                finally:
                    undone.append("finally")
        except TimeoutError:
            return now_ns(), undone
        raise AssertionError("no timeout")

    assert run_counted(main()) == (1_500_000_000, ["finally"])


def test_a_cancelled_timer_does_not_hold_the_clock_back() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, lambda: None).cancel()
        sleeper = asyncio.create_task(asyncio.sleep(100))
        await asyncio.sleep(0)
        sleeper.cancel()
        await asyncio.sleep(2)
        return now_ns()

    assert run_counted(main()) == 2 * 10**9


def test_a_wait_that_can_never_end_is_named_with_its_task_and_place() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.sleep(0.25)
        await asyncio.create_task(stuck(), name="the stuck one")

    with pytest.raises(Deadlock, match=r"stands still at 0\.250 s.*the stuck one \(.*stuck"):
        run_counted(main())


def test_after_a_deadlock_every_task_is_unwound() -> None:
    unwound = []

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            unwound.append("stuck")

    with pytest.raises(Deadlock):
        run_counted(stuck())
    assert unwound == ["stuck"]


def test_what_a_thread_has_posted_is_run_before_the_clock_moves() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(came.set,))
        thread.start()
        thread.join()
        async with asyncio.timeout(1):
            await came.wait()
        return now_ns()

    assert run_counted(main()) == 0


def test_work_given_to_a_thread_is_done_in_no_time_and_its_error_comes_back() -> None:
    async def main() -> tuple[int, int]:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(threading.get_ident), now_ns()

    assert run_counted(main()) == (threading.get_ident(), 0)


async def test_on_an_ordinary_loop_the_clock_is_the_machine_s_own() -> None:
    assert not isinstance(asyncio.get_running_loop(), SampleClockLoop)
    before = time.monotonic_ns()
    assert before <= now_ns() <= time.monotonic_ns()
