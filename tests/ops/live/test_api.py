"""`phone-ops calls | watch | hangup --api URL`: through a real web process, for when Redis cannot be reached."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ops.__main__ import main
from phone_daemon.events import Note
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from tests.web.served import TOKENS, served, settings_in


async def run(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


@pytest.mark.long
async def test_calls_are_listed_followed_and_ended_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHONE_TOKEN", TOKENS["operate"])
    state_settings = StateSettings(directory=tmp_path)
    async with (
        State.open(state_settings) as state,
        served(replace(settings_in(tmp_path), state=state_settings)) as web,
    ):
        state.register("one", {"caller": "+15550100\x1b[2J", "called": "4711", "dialplan": "clinic"})
        state.note(Note("one", "final", 1, {"text": "hello \x1b[2J"}))

        async def hang_up() -> None:
            async for command in state.commands("one"):
                state.ack(command, {"hung_up": True})

        obeying = asyncio.create_task(hang_up())
        async with asyncio.timeout(30):
            while await run("calls", "--api", web.url) == 0 and "one" not in capsys.readouterr().out:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            following = asyncio.create_task(run("watch", "one", "--api", web.url, "--json"))
            assert await run("hangup", "one", "--api", web.url) == 0
            state.note(Note("one", "ended", 2, {"reason": "drained"}))
            assert await following == 0
        out = capsys.readouterr().out
        assert "one: hung up" in out and "\x1b" not in out
        told = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        assert [(each["kind"], each["call"]) for each in told] == [("final", "one"), ("ended", "one")]
        state.unregister("one", "over")
        await obeying


@pytest.mark.long
async def test_what_the_web_process_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(settings_in(tmp_path)) as web:
        monkeypatch.delenv("PHONE_TOKEN", raising=False)
        assert await run("calls", "--api", web.url) == 1
        assert "requires a token; set the environment variable PHONE_TOKEN" in capsys.readouterr().err
        monkeypatch.setenv("PHONE_TOKEN", "wrong")
        assert await run("calls", "--api", web.url) == 1
        assert "this token is not known" in capsys.readouterr().err
        monkeypatch.setenv("PHONE_TOKEN", TOKENS["watch"])
        assert await run("calls", "--api", web.url) == 1
        assert "switched off" in capsys.readouterr().err
        assert await run("hangup", "one", "--api", web.url) == 1
        assert "is for watch; this needs operate" in capsys.readouterr().err
    assert await run("calls", "--api", web.url) == 1
    assert web.url in capsys.readouterr().err
