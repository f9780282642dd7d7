"""Tokens that expire, change, or are removed while they are in use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from tests.web.served import Served, served, settings_in
from tests.web.switchboard import Switchboard

pytestmark = pytest.mark.asyncio

SOON_S = 20
ANN, BOB = "ann-0123456789abcdef", "bob-0123456789abcdef"


def write(path: Path, **tokens: str) -> None:
    text = "".join(f'[{name}]\ntoken = "{name}-0123456789abcdef"\n{about}\n' for name, about in tokens.items())
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.replace(path)


def client(web: Served, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=web.url, headers={"Authorization": f"Bearer {token}"}, timeout=SOON_S)


@asynccontextmanager
async def open_stream(client: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream from which an event has come, so that it was open for certain, however slow the machine."""
    async with client.stream("GET", "/v1/events") as stream:
        assert stream.status_code == 200
        lines = stream.aiter_lines()
        while not (await anext(lines)).startswith("event: turn"):
            pass
        yield lines


async def ended(lines: AsyncIterator[str]) -> None:
    async for _ in lines:
        pass


async def test_tokens_change_and_expire_without_a_restart_and_end_what_they_opened(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    write(path, ann='role = "admin"', bob='role = "watch"')
    state_settings = StateSettings(directory=tmp_path)
    settings = replace(settings_in(tmp_path, tokens=path), state=state_settings)
    environ = {name: value for name, value in os.environ.items() if name != "PHONE_WEB_TOKENS"}
    async with State.open(state_settings) as state, served(settings, environ) as web:
        board = Switchboard(state)

        async def happening() -> None:
            while True:
                board.note("c", "turn")
                await asyncio.sleep(0.1)

        events = asyncio.create_task(happening())
        async with client(web, ANN) as ann, client(web, BOB) as bob, asyncio.timeout(2 * SOON_S):
            while (await bob.get("/v1/events/page")).status_code == 503:  # noqa: ASYNC110 (a server)
                await asyncio.sleep(0.1)
            async with open_stream(bob) as events_of_bob:
                soon = datetime.now(UTC) + timedelta(seconds=2)
                write(path, ann='role = "admin"', bob=f'role = "watch"\nexpires = {soon:%Y-%m-%dT%H:%M:%SZ}')
                await ended(events_of_bob)
            assert "expired" in (await bob.get("/v1/me")).json()["detail"]
            async with open_stream(ann) as events_of_ann:
                write(path, bob='role = "operate"')
                await ended(events_of_ann)
            assert (await ann.get("/v1/me")).status_code == 401
            assert (await bob.get("/v1/me")).json()["role"] == "operate"
            path.write_text("nothing = like = TOML")
            await asyncio.sleep(1.5)
            assert (await bob.get("/v1/me")).status_code == 200
        events.cancel()
