"""The floor: how long a stream alone takes to be let go."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from ops.floor import add_arguments, floor, measure, run
from phone_daemon.config import Settings
from phone_daemon.events import MindEvent, Token


async def test_the_close_alone_is_timed_and_every_stream_is_seen_to_stop() -> None:
    """A stream whose close takes 30 ms has that floor, however long its tokens took."""
    closed = 0

    async def slow_to_close() -> AsyncGenerator[MindEvent, None]:
        nonlocal closed
        try:
            while True:
                await asyncio.sleep(0.01)
                yield Token("word ")
        finally:
            await asyncio.sleep(0.03)
            closed += 1

    found = await measure(slow_to_close, streams=3)
    assert closed == found.streams == 3
    assert found.server_stopped
    assert 30 <= found.ms["p50"] <= found.ms["max"]


async def test_a_stream_that_is_over_cannot_be_measured() -> None:
    async def short() -> AsyncGenerator[MindEvent, None]:
        yield Token("hello")

    with pytest.raises(RuntimeError, match="1 tokens"):
        await measure(short, streams=1)


async def test_the_scripted_agent_lets_go_at_once() -> None:
    found = await floor(Settings(), streams=20)
    assert found.server_stopped
    assert 0 < found.ms["p50"] <= found.ms["p95"] <= found.ms["p99"] < 1000


async def test_a_floor_given_by_the_environment_is_taken() -> None:
    found = await floor(Settings(llm_cancel_floor_s=0.025))
    assert found.ms["p95"] == 25.0
    assert found.streams == 0
    assert not found.server_stopped


def test_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM_CANCEL_FLOOR_S", raising=False)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--json"])) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"llm_cancel_floor_ms", "server_stopped"}
    assert told["llm_cancel_floor_ms"].keys() == {"p50", "p95", "p99"}
