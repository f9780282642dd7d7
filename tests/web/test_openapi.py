"""Schemathesis (third-party) sends a real web process everything that its OpenAPI allows, and much that it does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from tests.sidecars.family import BUILD_S, python_in
from tests.web.served import TOKENS, Served, served, settings_in
from tests.web.switchboard import Switchboard
from tests.web.test_call_store import leave, turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = "20260101T100000.000000Z-aaaa"
NOT_HERE = "/v1/events|/audio$|/v1/webrtc|/readyz"
"""Endpoints that never end, that RFC 9725 describes, or that report a missing daemon: tested elsewhere."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("web")
    state = StateSettings(directory=folder)
    leave(folder / "calls", CALL, [turn("hello", "hi")], caller="anna")
    async with State.open(state) as there, served(replace(settings_in(folder), state=state)) as web:
        dialing = asyncio.create_task(Switchboard(there).dial())
        yield web
        dialing.cancel()


@pytest.mark.timeout(BUILD_S)
async def test_the_api_is_what_its_description_says(tmp_path: Path, web: Served) -> None:
    python = await asyncio.to_thread(python_in, "tests/web/schemathesis")
    process = await asyncio.create_subprocess_exec(
        *(python, str(Path(python).parent / "st"), "run", f"{web.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {TOKENS['admin']}"),
        *("--phases", "coverage,fuzzing", "--max-examples", "3", "--seed", "7", "--no-shrink"),
        *("--exclude-path-regex", NOT_HERE, "--warnings", "off"),
        # Starlette's 405 lists the methods of one route, and a path may have several.
        *("--exclude-checks", "allow_header_conformance"),
        env={**os.environ, "NO_COLOR": "1"},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()[-6000:]
    async with web.client("watch") as client:
        assert (await client.get("/healthz")).status_code == 200
        described = (await client.get("/openapi.json")).json()
    assert {"/v1/calls", "/v1/calls/{call}/say", "/v1/events", "/v1/recordings/{call}"} <= set(described["paths"])


@pytest.mark.long
async def test_the_description_says_which_token_is_wanted(web: Served) -> None:
    async with web.client() as client:
        described = (await client.get("/openapi.json")).json()
        for path, methods in described["paths"].items():
            for method, about in methods.items():
                if path.startswith(("/v1/webrtc", "/v1/signin")):
                    continue
                answer = await client.request(method, path.replace("{call}", "x"), json={})
                assert (answer.status_code == 401) == ("401" in about["responses"]), f"{method} {path}"
