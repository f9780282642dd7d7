"""Setting the clock of running processes during a live call through the edge."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.chaos.clock import Clock
from ops.chaos.killed import flows
from tests.foreign.programs import need
from tests.ops.edge.front import front

TELL = "import time\nfor _ in iter(input, ''): print(time.time(), time.monotonic(), flush=True)"


def test_the_wall_clock_of_a_running_process_steps_and_the_other_goes_on(tmp_path: Path) -> None:
    need("faketime")
    clock = Clock(tmp_path)
    with clock.within():
        process = subprocess.Popen(
            [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    assert "FAKETIME_NO_CACHE" not in os.environ

    def told() -> tuple[float, float]:
        assert process.stdin and process.stdout
        process.stdin.write("now\n")
        process.stdin.flush()
        wall, monotonic = process.stdout.readline().split()
        return float(wall), float(monotonic)

    try:
        times = [told()]
        for step in (3600, -3600):
            clock.set(step)
            times.append(told())
    finally:
        process.kill()
        process.communicate()
    (wall, monotonic), (later, soon), (earlier, last) = times
    assert later - wall == pytest.approx(3600, abs=60)
    assert earlier - wall == pytest.approx(-3600, abs=60)
    assert monotonic <= soon <= last <= monotonic + 60


async def test_a_live_call_goes_on_and_the_next_is_answered_while_the_clock_is_set(tmp_path: Path) -> None:
    need("faketime")
    clock = Clock(tmp_path)
    with clock.within():
        async with front(tmp_path, cards=1) as made, made.call() as live:
            await live.answered()
            for step in (3600, -3600):
                clock.set(step)
                async with made.call() as after:
                    await after.answered()
                    assert await flows(live)
