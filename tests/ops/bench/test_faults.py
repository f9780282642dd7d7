"""Whole calls with a failing model server, on the sample clock over real connections."""

from __future__ import annotations

import asyncio

import pytest

from ops.bench.faults import FAULTS, SOON_S, fail
from ops.bench.scripted_model import Fault
from phone_daemon.clock import run_counted

pytestmark = pytest.mark.long


@pytest.mark.parametrize("fault", FAULTS)
def test_every_caller_is_answered_soon_and_nobody_is_lost(fault: Fault) -> None:
    seen = run_counted(fail(fault, 0, 3))
    assert len(seen.late_s[fault]) == 3
    assert 0 < min(seen.late_s[fault]) <= max(seen.late_s[fault]) <= SOON_S
    assert seen.lost == []
    assert seen.named > 0
    assert max(seen.words_s, default=0.0) < 4.0


def test_a_server_that_says_nothing_is_bridged() -> None:
    """The caller hears an acknowledgment long before the reply is given up."""
    seen = run_counted(fail(Fault.SILENT, 0, 1))
    assert len(seen.words_s) == 1
    assert seen.late_s[Fault.SILENT][0] < seen.words_s[0] - 0.5


async def test_the_clock_of_a_running_loop_is_not_disturbed() -> None:
    """A bench runs on the ordinary loop; its calls have their own loop, in a thread."""
    seen = await asyncio.to_thread(run_counted, fail(Fault.REFUSED, 0, 1))
    assert len(seen.late_s[Fault.REFUSED]) == 1
