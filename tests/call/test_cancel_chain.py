from __future__ import annotations

import asyncio
from collections.abc import Mapping

from phone_daemon import clock
from phone_daemon.call import cancel_chain
from phone_daemon.call.cancel_chain import Leg
from phone_daemon.telemetry.turn_record import BargeInSource, CancelReport


def after(seconds: float) -> Leg:
    async def leg() -> None:
        await asyncio.sleep(seconds)

    return leg


def run(legs: Mapping[str, Leg]) -> CancelReport:
    async def main() -> CancelReport:
        return await cancel_chain.run(legs, 3, BargeInSource.SPEECH, clock.now_ns(), None, 1.0)

    return clock.run_counted(main())


def test_legs_run_in_parallel_and_the_total_is_the_last_of_them() -> None:
    report = run({"tts_stopped": after(0.03), "llm_closed": after(0.05), "stt_closed": after(0.04)})
    assert report.legs_ms() == {"tts_stopped": 30.0, "llm_closed": 50.0, "stt_closed": 40.0, "total": 50.0}
    assert report.missed == ()


def test_a_leg_that_hangs_is_reported_as_missed_and_delays_no_other() -> None:
    report = run({"tts_stopped": after(3600), "llm_closed": after(0.01)})
    assert report.missed == ("tts_stopped",)
    assert report.legs_ms() == {"llm_closed": 10.0, "total": 10.0}


def test_a_leg_that_fails_is_reported_as_missed_and_fails_no_other() -> None:
    async def dead() -> None:
        raise ConnectionResetError

    report = run({"stt_closed": dead, "llm_closed": after(0.01)})
    assert report.missed == ("stt_closed",)


def test_a_leg_may_bring_its_own_stamp() -> None:
    async def flushed() -> int:
        await asyncio.sleep(0.030)
        return 20_000_000

    assert run({"rtp_silent": flushed}).legs_ms()["rtp_silent"] == 20.0
