"""Which agent answers, and what an operator learns about the servers behind it before the first call."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from phone_daemon.agent.factory import AgentFactory
from phone_daemon.agent.llm.llm import LlmAgent
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.dialplan.dialplan import DialplanError
from phone_daemon.settings.settings import LlmSettings
from tests.agent.asking import CLINIC, MODEL, events, hook, plan, reached, text
from tests.sse_server import SseServer, Stall, says, status


async def test_a_dialplan_gets_the_agent_that_it_names(factory: AgentFactory) -> None:
    assert isinstance(factory.agent(CLINIC), ScriptedAgent)
    assert isinstance(factory.agent(plan()), LlmAgent)


async def test_a_dialplans_own_server_comes_first(server: SseServer) -> None:
    async with SseServer() as other:
        other.answers(says("Other."))
        factory = AgentFactory(LlmSettings(server.base_url), {})
        assert text(await events(factory.agent(plan()))) == "Hello."
        assert text(await events(factory.agent(plan(replace(MODEL, base_url=other.base_url))))) == "Other."
        await factory.close()


async def test_a_model_is_asked_for_a_word_before_the_first_call(server: SseServer, factory: AgentFactory) -> None:
    factory.open([plan(), replace(plan(), name="same_model"), CLINIC])
    await reached(lambda: len(server.requests) == 1 and server.open == 0)
    assert server.requests[0]["max_tokens"] == 1
    assert factory.problem == ""


async def test_what_is_wrong_with_a_model_is_told_before_the_first_call(
    server: SseServer, factory: AgentFactory, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(status(404, "no such model"))
    factory.open([plan()])
    await reached(lambda: factory.problem)
    assert "no such model" in factory.problem
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    server.answers(says("Hello."))
    await events(factory.agent(plan()))
    assert factory.problem == ""


async def test_a_server_that_is_not_ready_yet_is_a_warning_and_asked_until_it_is(
    server: SseServer, factory: AgentFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phone_daemon.agent.factory.VISIT_S", 0.01)
    server.answers(status(503, "loading"), status(503, "loading"), says("Hello."))
    factory.open([plan()])
    await reached(lambda: factory.problem)
    await reached(lambda: not factory.problem)
    assert len(server.requests) == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "llm.unreachable model=test" in caplog.text and "loading" in caplog.text


async def test_keys_that_are_not_set_stop_the_start(server: SseServer) -> None:
    factory = AgentFactory(LlmSettings(server.base_url), {"HOOK_KEY": "x"})
    factory.open([CLINIC])
    wrong = replace(plan(replace(MODEL, api_key_env="MODEL_KEY")), tools=hook(server, api_key_env="HOOKS_KEY"))
    with pytest.raises(DialplanError) as caught:
        factory.open([wrong])
    assert [line.split(",")[0] for line in caught.value.lines] == [
        "environment: HOOKS_KEY: is not set",
        "environment: MODEL_KEY: is not set",
    ]
    assert server.requests == []
    await factory.close()


async def test_closing_ends_what_still_runs_and_can_be_done_twice(server: SseServer) -> None:
    server.answers(replace(says("Hello."), first=Stall()))
    factory = AgentFactory(LlmSettings(server.base_url), {})
    factory.open([plan()])
    await reached(lambda: server.open == 1)
    await factory.close()
    await factory.close()
    await reached(lambda: server.open == 0)
