"""Calls to a daemon that cannot keep up."""

from __future__ import annotations

import pytest

from ops.ab import calls
from ops.ab.places import CannotRun, Engine
from ops.replay import fixture

pytestmark = pytest.mark.long

CALLER = fixture.load(fixture.find("interrupts_the_greeting"))


@pytest.mark.timeout(120, func_only=True)
async def test_calls_that_take_too_long_are_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "BARGE_IN_S", 0.2)
    monkeypatch.setattr(calls, "CALLER_S", 0.2)
    with pytest.raises(CannotRun, match=r"^its calls did not end in time: the machine cannot keep up$"):
        await calls.measure("inprocess", Engine("moonshine", {}), [CALLER], 2, lambda part, what: None)
