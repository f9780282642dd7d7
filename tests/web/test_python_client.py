"""A Python client, made from the API's description by openapi-python-client (third-party), drives a real daemon."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from phone_daemon.daemon import Daemon
from phone_daemon.settings.settings import StateSettings
from phone_daemon.settings.trunks import TrunkSettings
from phone_daemon.web.description import description
from phone_daemon.web.voice_frames import Type, json_frame
from tests.web.served import TOKENS, bearer, settings_in

ROOT = Path(__file__).parent.parent.parent
PACKAGE = "phone_daemon_client"


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    """The name of the generated package, as `make client` makes it."""
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(description()))
    sys.path.insert(0, str(tmp_path / "client"))
    yield str(tmp_path)
    sys.path.remove(str(tmp_path / "client"))
    for name in [each for each in sys.modules if each.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


async def _generate(folder: Path) -> str:
    """Returns what the generator complains about; nothing if it understood the whole description."""
    tools = Path(sys.executable).parent
    process = await asyncio.create_subprocess_exec(
        *(str(tools / "openapi-python-client"), "generate", "--path", str(folder / "openapi.json")),
        *("--output-path", str(folder / "client"), "--meta", "setup"),
        *("--config", str(ROOT / "phone_daemon/web/python_client.yaml"), "--fail-on-warning"),
        env={**os.environ, "PATH": f"{tools}:{os.environ.get('PATH', '')}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return "" if process.returncode == 0 else out.decode()


@pytest.mark.long
async def test_a_generated_client_lists_dials_reads_events_and_hangs_up(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _generate(tmp_path) == ""
    client_of = import_module(PACKAGE).AuthenticatedClient
    models: Any = import_module(f"{PACKAGE}.models")
    monkeypatch.setenv("PHONE_WEB_TOKENS", f"admin:{TOKENS['admin']}")
    trunk = TrunkSettings(
        "pstn", addresses=("192.0.2.1",), proxy="192.0.2.1", allow=("+44*",), caller_id="+442079460000"
    )
    settings = replace(settings_in(tmp_path), state=StateSettings(directory=tmp_path), trunk=(trunk,), health_port=0)
    async with Daemon(settings) as daemon:
        assert daemon.web is not None
        serving = asyncio.create_task(daemon.serve())
        home = f"127.0.0.1:{daemon.web.port}"
        async with (
            client_of(base_url=f"http://{home}", token=TOKENS["admin"]) as client,
            connect(f"ws://{home}/ws/voice", additional_headers=bearer("admin")) as caller,
        ):

            async def ask(path: str, **arguments: Any) -> Any:
                return await import_module(f"{PACKAGE}.api.{path}").asyncio(client=client, **arguments)

            assert (await ask("token.me")).role is models.MeRole.ADMIN
            assert (await ask("health.ready")).web.connected
            await caller.send(json_frame(Type.AUDIO_START, {"caller": "anna"}).pack())
            async with asyncio.timeout(20):
                while not (live := (await ask("calls.list_calls")).calls):  # noqa: ASYNC110 (HTTP)
                    await asyncio.sleep(0.05)
            (call,) = live
            assert call.live and call.caller == "anna" and call.started[:2] == "20" and call.turn == 0

            plan = next(iter(daemon.dialplans)).name
            dry = models.Dial(number="+442079460100", dialplan=plan, dry_run=True)
            dialed = await ask("steering.dial", body=dry)
            assert (dialed.result, dialed.trunk) == (models.Result.WOULD_CALL, "pstn")
            refused = await ask("steering.dial", body=models.Dial(number="+442079460100", dialplan="none"))
            assert isinstance(refused, models.Problem) and '"none"' in refused.detail

            page = await ask("events.list_events", call=call.call, limit=1, wait_s=10.0)
            assert [event.kind for event in page.events] == ["started"]
            assert page.events[0].data["caller"] == "anna"
            later = await ask("events.list_events", call=call.call, after=page.last, wait_s=10.0)
            assert later.events and "started" not in {event.kind for event in later.events}

            assert (await ask("steering.hang_up", call=call.call)).hung_up
            async with asyncio.timeout(20):
                past_calls = models.ListCallsState.PAST
                while not (past := (await ask("calls.list_calls", state=past_calls)).calls):  # noqa: ASYNC110 (HTTP)
                    await asyncio.sleep(0.1)
            assert (past[0].call, past[0].live, past[0].reason) == (call.call, False, "drained")
            whole = await ask("calls.get_call", call=call.call)
            assert whole.call.call == call.call and all(isinstance(turn, models.Turn) for turn in whole.turns)
            gone = await ask("steering.say", call=call.call, body=models.Say(text="Hello?"))
            assert isinstance(gone, models.Problem)
        daemon.drain()
        await serving


def test_each_operation_has_a_name_that_reads_as_what_it_does() -> None:
    told = description()
    names = [about["operationId"] for methods in told["paths"].values() for about in methods.values()]
    assert len(names) == len(set(names))
    assert {"list_calls", "get_call", "dial", "hang_up", "list_events", "get_recording"} <= set(names)
    assert not [name for name in names if "v1" in name]
    for path, methods in told["paths"].items():
        for about in methods.values():
            answers = [each.get("content", {}) for code, each in about["responses"].items() if code == "200"]
            schemas = [content["schema"] for each in answers for content in each.values()]
            assert all(schema and schema.get("type") != "object" for schema in schemas), (
                f"{path}: an answer without names"
            )
