"""An agent's process."""

from __future__ import annotations

import sys

import pytest

from ops.bench.peers.process import Agent, NotThere

TALKS = """
import json, psutil, sys, time
while not sum(psutil.Process().cpu_times()[:2]):  # where it is counted in ticks, starting may take less than one
    pass
print("a library's banner")
print(json.dumps({"kind": "ready", "url": "ws://127.0.0.1:9/"}), flush=True)
for kind in ("turn", "trigger", "history"):
    print(json.dumps({"call": "c1", "kind": kind, "at": 5.0, "said": ["Hello."]}), flush=True)
time.sleep(60)
"""


async def test_it_is_ready_when_it_says_where_and_its_events_are_told_by_call() -> None:
    async with Agent("x", [sys.executable, "-c", TALKS]) as agent:
        assert agent.url == "ws://127.0.0.1:9/"
        events = await agent.events("c1")
        assert [(event.kind, event.at) for event in events] == [("turn", 5.0), ("trigger", 5.0), ("history", 5.0)]
        assert events[-1].about == {"said": ["Hello."]}
        assert agent.memory_mb() > 1
        assert agent.cpu_s() > 0


async def test_one_that_ends_before_it_listens_is_told_with_its_last_words() -> None:
    with pytest.raises(
        NotThere, match=r"^x: it ended before it was ready: ModuleNotFoundError: No module named 'nope'$"
    ):
        async with Agent("x", [sys.executable, "-c", "import nope"]):
            pass


async def test_one_that_cannot_be_run_is_told_in_one_line() -> None:
    with pytest.raises(NotThere, match=r"^x: .*No such file"):
        async with Agent("x", ["/nowhere/python"]):
            pass
