"""What daemons show of themselves in a real Redis, in the API and in the metrics of a real web process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from phone_daemon.telemetry.machine import Machine
from phone_daemon.web.machine_history import MachineHistory, machine_of
from tests.web.served import served, settings_in

TRUNKS = [{"trunk": "pstn", "state": "registered", "detail": "", "calls": 2, "user": "anna"}]


@pytest.mark.long
async def test_every_daemon_is_listed_with_its_machine_processes_and_trunks(tmp_path: Path) -> None:
    redis = StateSettings(directory=tmp_path)
    state = State.open(redis)
    state.shown |= {
        "machine": Machine(tmp_path).sample().model_dump_json(),
        "trunks": json.dumps([*TRUNKS, {**TRUNKS[0], "trunk": "spare", "state": "unreachable"}]),
    }
    async with state, served(replace(settings_in(tmp_path), state=redis)) as web, web.client("watch") as client:
        async with asyncio.timeout(20):
            while not (found := (await client.get("/v1/machines")).json().get("machines")):  # noqa: ASYNC110 (Redis)
                await asyncio.sleep(0.1)
        (machine,) = found
        metrics = (await client.get("/metrics")).text
    assert machine["daemon"] == state.daemon and machine["host"]
    assert 0 < machine["memory_bytes"] < machine["memory_total_bytes"] and machine["disk_free_bytes"] > 0
    processes = {each["name"]: each for each in machine["processes"]}
    assert processes["daemon"]["rss_bytes"] > 1e6
    assert [trunk["trunk"] for trunk in machine["trunks"]] == ["pstn", "spare"]
    assert machine["past"][0]["processes"]["daemon"]["rss_bytes"] == processes["daemon"]["rss_bytes"]
    assert f'phone_trunk_up{{daemon="{state.daemon}",trunk="pstn"}} 1.0' in metrics
    assert f'phone_trunk_up{{daemon="{state.daemon}",trunk="spare"}} 0.0' in metrics
    assert 'process="daemon"} ' in metrics and "phone_host_memory_used_bytes{" in metrics


async def test_a_daemon_that_is_gone_is_forgotten_and_a_lost_redis_is_said(tmp_path: Path) -> None:
    redis = StateSettings(directory=tmp_path)
    history = MachineHistory(redis)
    async with State.open(redis):
        await history.ask()
        await history.ask()
        assert not history.problem and [len(each.past) for each in history.now()] == [2]
        async with State.open(redis):
            await history.ask()
            assert sorted(len(each.past) for each in history.now()) == [1, 3]
        await history.ask()
        assert [len(each.past) for each in history.now()] == [4]
    await history.ask()
    assert history.now() == [] and "redis" in history.problem.lower()


def test_what_a_daemon_of_another_version_shows_is_left_out() -> None:
    assert machine_of("1-a", {"host": "a", "machine": "{"}).host == "a"
    assert machine_of("1-a", {"host": "a", "machine": '{"load": "much"}'}).load == 0
    assert machine_of("1-a", {"calls": "3", "machine": '{"load": 1.5, "new": 1}'}).load == 1.5
