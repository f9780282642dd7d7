"""The floor: how long closing a stream takes by itself."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from ops.bench.model_server import ModelServer
from ops.bench.plans import model_plan
from ops.bench.scripted_model import MODEL, ScriptedModel
from ops.live.floor import add_arguments, floor, measure, run
from ops.usage import WrongUse
from phone_daemon.events import AgentEvent, Token
from phone_daemon.settings.settings import LlmSettings, Settings


async def test_the_close_alone_is_timed_and_every_stream_is_seen_to_stop() -> None:
    """A stream whose close takes 30 ms has that floor, however long its tokens took."""
    closed = 0

    async def slow_to_close() -> AsyncGenerator[AgentEvent, None]:
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
    async def short() -> AsyncGenerator[AgentEvent, None]:
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


# ------------------------------------------------------------------------------------------------ a language model


def floor_args(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.mark.timeout(120, func_only=True)
def test_a_model_server_is_measured_and_seen_to_stop(
    model_server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as an operator types it, against a third-party server."""
    words = ["--base-url", model_server.base_url, "--model", model_server.model, "--streams", "10", "--json"]
    assert run(floor_args(*words)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["llm_cancel_floor_ms"].keys() == {"p50", "p95", "p99"}
    assert 0 < told["llm_cancel_floor_ms"]["p50"] <= told["llm_cancel_floor_ms"]["p99"]
    assert told["server_stopped"], told["server_stopped_by"]


async def test_a_dialplan_with_a_language_model_has_its_servers_floor(tmp_path: Path) -> None:
    """The first model among the dialplans is measured at the address that a daemon would use."""
    async with ScriptedModel(lambda asked: "word " * 60, 0.0, 0.005, serial=True) as server:
        plan = model_plan(tmp_path, "", MODEL)
        standing = Settings(dialplans=(plan,), llm=LlmSettings(base_url=server.base_url))
        found = await floor(standing, streams=4)
    assert found.streams == 4
    assert found.server_stopped
    assert sum(request.let_go for request in server.requests) >= 4


@pytest.mark.parametrize("words", [["--base-url", "http://127.0.0.1:1/v1"], ["--model", "m"], ["--streams", "0"]])
def test_half_a_question_is_wrong_use(words: list[str]) -> None:
    with pytest.raises(WrongUse):
        run(floor_args(*words))


def test_a_server_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(floor_args("--base-url", "http://127.0.0.1:9/v1", "--model", "m")) == 1
    assert capsys.readouterr().err.count("\n") == 1
