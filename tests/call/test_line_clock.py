"""Where a call's timeline began, computed from frames that are read late."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.call.line_clock import LineClock
from tests.phone import BOOKING, Phone, ring, speech

BEGAN = 7_000_000_000
TICK = 20_000_000


def clock_of(lateness_ms: Iterable[int], *, slipped_from: int = 10**9, by_ms: int = 0) -> LineClock:
    """After frames that were each read this late; from frame `slipped_from` on, the line itself is late."""
    clock = LineClock()
    for tick, late in enumerate(lateness_ms):
        slip = by_ms if tick >= slipped_from else 0
        clock.read(tick * 160, BEGAN + tick * TICK + (late + slip) * 1_000_000)
    return clock


def test_frames_that_wait_for_a_daemon_which_is_busy_at_the_start_do_not_move_it() -> None:
    clock = clock_of([max(600 - 20 * tick, 3) for tick in range(100)])
    assert clock.origin_ns == BEGAN + 3_000_000
    assert clock.ns(8000) == BEGAN + 1_003_000_000


def test_frames_that_pile_up_in_the_middle_do_not_move_it() -> None:
    """A daemon that reads nothing for three seconds, and then everything at once."""
    clock = clock_of([2] * 200 + [max(3000 - 20 * tick, 2) for tick in range(150)] + [2] * 200)
    assert clock.origin_ns == BEGAN + 2_000_000


def test_a_few_frames_that_are_read_late_do_not_move_it() -> None:
    assert clock_of([2] * 60 + [300, 280, 260]).origin_ns == BEGAN + 2_000_000


def test_a_line_that_was_stopped_goes_on_from_then() -> None:
    clock = clock_of([2] * 400, slipped_from=200, by_ms=450)
    assert clock.origin_ns == BEGAN + 452_000_000


@pytest.mark.parametrize("late_s", [0.0, pytest.param(0.6, marks=pytest.mark.long)])
def test_the_times_of_a_turn_are_those_of_the_recording_however_late_the_daemon_takes_the_call(
    tmp_path: Path, late_s: float
) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(BOOKING))
        await phone.until(lambda: len(phone.line.played) > 2 and phone.line.played[2])

    left = ring(tmp_path, script, late_s=late_s)
    with wave.open(str(left.folder / "call.wav")) as file:
        caller, agent = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(int).T
    heard = np.flatnonzero(np.abs(agent) >= 32) / 8000
    greeting, reply = left.turns[0]["times"], left.turns[1]["times"]
    assert greeting["rtp_first_audio"] == pytest.approx(heard[0], abs=0.021)
    said = np.flatnonzero(np.abs(caller) >= 1000) / 8000
    assert reply["speech_onset"] == pytest.approx(said[0], abs=0.15)
    assert reply["speech_end"] == pytest.approx(said[-1], abs=0.25)
    after = heard[heard > reply["speech_end"]]
    assert reply["rtp_first_audio"] == pytest.approx(after[0], abs=0.021)
