"""`phone-ops calls | watch | hangup --api URL`: through a real web process, for when Redis cannot be reached."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import aiohttp
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
    assert f"{web.url}: no connection (" in capsys.readouterr().err


@pytest.mark.long
async def test_a_watcher_misses_nothing_while_the_web_process_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHONE_TOKEN", TOKENS["watch"])
    # A busy machine may take minutes to start it again.
    monkeypatch.setattr("ops.live.api.AGAIN_S", 300.0)
    state_settings = StateSettings(directory=tmp_path)
    async with (
        State.open(state_settings) as state,
        served(replace(settings_in(tmp_path), state=state_settings)) as web,
    ):
        state.register("one", {"caller": "+15550100"})
        state.note(Note("one", "final", 1, {"text": "before"}))
        async with asyncio.timeout(30):
            while await run("calls", "--api", web.url) == 0 and "one" not in capsys.readouterr().out:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        following = asyncio.create_task(run("watch", "one", "--api", web.url, "--json"))
        out = ""
        async with asyncio.timeout(30):
            while "before" not in out:
                await asyncio.sleep(0.1)
                out += capsys.readouterr().out
        os.kill(web.process.pid, signal.SIGKILL)
        state.note(Note("one", "final", 2, {"text": "meanwhile"}))
        state.note(Note("one", "ended", 3, {"reason": "drained"}))
        assert await asyncio.wait_for(following, 120) == 0
    told = capsys.readouterr()
    assert [json.loads(line)["at_ns"] for line in (out + told.out).splitlines()] == [1, 2, 3]
    assert told.err.count("connecting again") == 1


@pytest.mark.parametrize(
    ("head", "body", "problem"),
    [
        ("200 OK\r\nContent-Type: text/html", "<p>Welcome", "answered text/html: is this the web process"),
        ("200 OK\r\nContent-Type: application/json", '{"calls', "not JSON: is this the web process"),
        ("200 OK\r\nContent-Type: application/json", "[]", "answered something else: is this the web process"),
        ("200 OK\r\nContent-Type: application/json", '{"calls": 1}', "without calls: is this the web process"),
        (
            "200 OK\r\nContent-Type: text/event-stream",
            "id: x\ndata: [1]\n\n",
            "answered text/event-stream: is this the web process",
        ),
        ("404 Not Found\r\nContent-Type: application/json", '{"detail":"Not Found"}', "answered 404: is this"),
        ("502 Bad Gateway\r\nContent-Type: text/html", "<p>nginx", "answered 502: is this the web process"),
    ],
)
@pytest.mark.parametrize("words", [("calls",), ("watch",), ("hangup", "--all")], ids=lambda words: words[0])
async def test_another_server_is_told_from_the_web_process_in_one_line(
    head: str,
    body: str,
    problem: str,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    monkeypatch.setenv("PHONE_TOKEN", TOKENS["watch"])
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        assert await asyncio.wait_for(run(*words, "--api", url), 30) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"phone-ops: {url}: ")
    # The others ask for something else, so they complain about something else.
    assert (problem if words == ("calls",) else "is this the web process of phone-daemon?") in line


@pytest.mark.parametrize("words", [("calls",), ("watch",), ("watch", "one"), ("hangup", "one")], ids=" ".join)
async def test_a_server_that_never_answers_is_given_up(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.live.api.ANSWER", aiohttp.ClientTimeout(total=0.2))
    monkeypatch.setattr("ops.live.api.ANSWER_S", 0.2)
    monkeypatch.setenv("PHONE_TOKEN", TOKENS["watch"])
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        assert await asyncio.wait_for(run(*words, "--api", url), 30) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"phone-ops: {url}: no answer within ")
