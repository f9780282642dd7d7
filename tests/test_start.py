"""A dialplan asks the user's software how to answer, and answers in time whatever that does."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect

from phone_daemon.agent.agent import Parties
from phone_daemon.agent.llm.http import make_client
from phone_daemon.daemon import Daemon
from phone_daemon.dialplan.dialplan import Dialplan, DialplanError, Dialplans
from phone_daemon.dialplan.model import Model
from phone_daemon.start import ask_first, begun_with
from tests.web.served import TOKENS, bearer, frame_of, settings_in
from tests.web.test_webhooks import Behavior, answers, receiver

PLAN = """\
called = "4711"
greeting = "Good day {name}, you have {points} points."
[start]
url = "URL"
deadline_s = 0.5
slots = { name = "dear caller" }
[intents.bye]
say = "Goodbye."
caller_says = ["goodbye"]
then = "hang_up"
"""
OTHER = (
    'called = "4712"\ngreeting = "Welcome back, {name}."\n[intents.bye]\nsay = "Goodbye."\ncaller_says = ["goodbye"]\n'
)
PARTIES = Parties("+15550100", "Ann", "4711")


def plans(folder: Path, url: str) -> list[Dialplan]:
    (folder / "front.toml").write_text(PLAN.replace("URL", url))
    (folder / "vip.toml").write_text(OTHER)
    return list(Dialplans.load([folder / "front.toml", folder / "vip.toml"]))


def ok(told: object) -> bytes:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def begun(folder: Path, behavior: Behavior) -> tuple[Dialplan, list[dict[str, object]]]:
    async with receiver(behavior) as there, make_client() as http:
        found = plans(folder, there.url)
        plan = await ask_first(http, found[0], found, "call-1", PARTIES, {})
        return plan, [request.told for request in there.requests]


async def test_an_answer_chooses_the_dialplan_and_fills_its_greeting(tmp_path: Path) -> None:
    plan, asked = await begun(tmp_path, answers(ok({"dialplan": "vip", "slots": {"name": "Ann"}})))
    assert (plan.name, plan.greeting) == ("vip", "Welcome back, Ann.")
    who = {"caller": "+15550100", "caller_name": "Ann", "called": "4711"}
    assert asked == [{"call": "call-1", **who, "dialplan": "front"}]
    plan, _ = await begun(tmp_path, answers(ok({"slots": {"name": "Ann", "points": 3}})))
    assert (plan.name, plan.greeting) == ("front", "Good day Ann, you have 3 points.")


@pytest.mark.parametrize(
    "reply",
    [
        ok(b"not JSON"),
        ok([1]),
        ok({"dialplan": "none of ours"}),
        ok({"dialplan": 7}),
        ok({"slots": ["name"]}),
        ok({"slots": {"name": {"first": "Ann"}}}),
        ok({"prompt": "x" * 40_000}),
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    ],
)
async def test_whatever_else_it_answers_the_call_is_answered_as_it_would_be(
    tmp_path: Path, reply: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    plan, _ = await begun(tmp_path, answers(reply))
    assert (plan.name, plan.greeting) == ("front", "Good day dear caller, you have points.")
    assert "start.not_told" in caplog.text and "first" not in caplog.text


async def test_nobody_is_waited_for_longer_than_the_deadline(tmp_path: Path) -> None:
    found = plans(tmp_path, "http://127.0.0.1:9/")
    async with make_client() as http:
        plan = await ask_first(http, found[0], found, "call-1", PARTIES, {})
    assert plan.greeting.startswith("Good day dear caller")
    assert isinstance(http, httpx2.AsyncClient)


def test_a_model_is_told_what_its_prompt_does_not_say(tmp_path: Path) -> None:
    plan = replace(plans(tmp_path, "http://127.0.0.1:9/")[1], model=Model("m", prompt="You talk to {name}. {x}"))
    told = begun_with(plan, "", {"name": "Ann", "points": "3"})
    assert told.model is not None
    assert told.model.prompt == "You talk to Ann. {x}\n\nWhat you know of the caller:\n- points: 3"
    other = begun_with(plan, "Be brief with {name}.", {"name": "Ann"}).model
    assert other is not None and other.prompt == "Be brief with Ann."


def test_a_mistake_in_the_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(DialplanError, match=r"start\.url"):
        plans(tmp_path, "crm.example.com")


@pytest.mark.long
async def test_a_call_rings_until_the_answer_is_there_and_is_then_greeted_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHONE_WEB_TOKENS", f"operate:{TOKENS['operate']}")
    reply = answers(ok({"dialplan": "vip", "slots": {"name": "Ann"}}))
    async with receiver(reply) as there:
        plans(tmp_path, there.url)
        files = (tmp_path / "front.toml", tmp_path / "vip.toml")
        settings = replace(settings_in(tmp_path), health_port=0, dialplans=files)
        async with Daemon(settings) as daemon:
            assert daemon.web is not None
            serving = asyncio.create_task(daemon.serve())
            url = f"ws://127.0.0.1:{daemon.web.port}/ws/voice"
            async with asyncio.timeout(30), connect(url, additional_headers=bearer("operate")) as socket:
                await socket.send(b'\x01\x00{"caller": "5550100", "called": "4711"}')
                greeting = b"".join([(await frame_of(socket, 0x05))[2:] for _ in range(2)])
            daemon.drain()
            await serving
        (request,) = there.requests
    assert greeting.decode().strip() == "Welcome back, Ann."
    assert (request.told["caller"], request.told["dialplan"]) == ("5550100", "front")
