"""A Wyoming server as STT: the third-party wyoming-faster-whisper, with a tiny random Whisper that babbles."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from phone_daemon.stt.utterance import Utterance
from sidecars.host.fallback import FallbackHost
from sidecars.host.host import HostLost
from sidecars.local.inprocess import InProcessHost
from sidecars.remote.wyoming_stt import WyomingStt
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.family import BUILD_S, python_in, tiny
from tests.sidecars.hearing import feed, final, opened, until
from tests.sidecars.speech import caller, words

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]


class Server:
    """wyoming-faster-whisper, which can be killed."""

    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self._process = process

    @classmethod
    async def start(cls, url: str, model: Path) -> Server:
        """Returns when it is ready."""
        options = ("--stt-library", "faster-whisper", "--beam-size", "1", "--cpu-threads", "1", "--local-files-only")
        process = await asyncio.create_subprocess_exec(
            *(python_in("tests/sidecars/wyoming/server"), "-m", "wyoming_faster_whisper", "--uri", url),
            *("--model", str(model), "--data-dir", str(model.parent), "--language", "en", *options),
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        said = b""
        async with asyncio.timeout(60):
            while not (said_now := await process.stderr.readline()).endswith(b"Ready\n"):
                said += said_now
                assert said_now, said.decode()
        server = cls(url, process)
        while True:  # it says so just before it listens
            host = WyomingStt(url, {})
            try:
                await host.start()
            except HostLost:
                await asyncio.sleep(0.05)
            else:
                await host.close()
                return server

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("whisper", tmp_path_factory.mktemp("whisper") / "tiny")


def free_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(model: Path) -> AsyncIterator[Server]:
    started = await Server.start(free_url(), model)
    yield started
    await started.kill()


@pytest_asyncio.fixture(loop_scope="module")
async def host(server: Server) -> AsyncIterator[WyomingStt]:
    host = WyomingStt(server.url, {"language": "en"})
    await host.start()
    yield host
    await host.close()


async def test_an_utterance_is_heard_by_a_server_that_others_wrote(host: WyomingStt) -> None:
    texts = []
    for said in (SAID[0], SAID[5], SAID[0]):
        channel = opened(host)
        assert channel.sample_rate == 16000
        feed(channel, said)
        texts.append((await final(channel))["text"])
    assert all(texts)
    assert texts[0] == texts[2] != texts[1]


async def test_utterances_are_open_at_once_and_one_that_was_opened_ahead_stands_ready(host: WyomingStt) -> None:
    channel, spare = opened(host), opened(host)
    feed(channel, SAID[0])
    channel.send({"type": "Finalize"})
    told = await until(channel, "Final")
    assert (told["confidence"], told["held"], told["open"]) == (1.0, {}, 1), "the spare is open too"
    feed(spare, SAID[0])
    assert (await final(spare))["text"] == told["text"]
    channel.send({"type": "Cancel"})
    assert (await until(channel, "Cancelled"))["open"] == 0


async def test_a_cancel_closes_the_connection_and_is_answered(host: WyomingStt) -> None:
    channel, unfed = opened(host), opened(host)
    feed(channel, SAID[0])
    await asyncio.sleep(0)
    for each in (channel, unfed):
        each.send({"type": "Cancel"})
    assert [(await until(each, "Cancelled"))["open"] for each in (channel, unfed)] == [1, 0]
    at_once = opened(host)
    at_once.send({"type": "Cancel"})
    assert (await until(at_once, "Cancelled"))["open"] == 0


async def test_where_nothing_was_fed_nothing_was_said(host: WyomingStt) -> None:
    assert (await final(opened(host)))["text"] == ""


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([({"type": "Audio"}, b"")], "Audio: Open must come first"),
        ([({"type": "Open"}, b""), ({"type": "Open"}, b"")], "already open"),
        ([({"type": "Open", "options": 3}, b"")], "options must be a table"),
        ([({"type": "Open"}, b""), ({"type": "Audio"}, b"odd")], "3 bytes are not whole"),
    ],
)
async def test_what_cannot_be_done_is_told(host: WyomingStt, messages: list[Any], says: str) -> None:
    channel = host.open()
    for message, payload in messages:
        channel.send(message, payload)
    assert says in (await until(channel, "Failed"))["error"]
    channel.send({"type": "Cancel"})
    await until(channel, "Cancelled")


async def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="'beam': a Wyoming server that hears knows"):
        WyomingStt("tcp://127.0.0.1:1", {"beam": 5})


async def test_a_server_killed_in_the_middle_of_a_sentence_costs_no_word(model: Path, tmp_path: Path) -> None:
    """The embedded recognizer gets it again from its start."""
    server = await Server.start(f"unix://{tmp_path}/wyoming", model)
    second = InProcessHost("stt", "moonshine", OPTIONS)
    host = FallbackHost("stt", "the recognition server", lambda: WyomingStt(server.url, {}), second, deadline_s=5)
    await host.start()
    assert host.problem == ""
    heard = Utterance(host, {"grammar": "clinic"})
    audio = caller(SAID[0])
    heard.feed(audio[:16000])
    await asyncio.sleep(0.1)
    await server.kill()
    heard.feed(audio[16000:])
    assert words((await heard.finalize()).text) == SAID[0]
    assert "closed the connection" in heard.faults[0]
    assert "closed the connection" in host.problem
    await host.close()


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:9", "unix:///no/such/socket"])
async def test_a_server_that_is_not_there_is_named(url: str) -> None:
    host = WyomingStt(url, {})
    with pytest.raises(HostLost, match=f"wyoming server {url}: "):
        await host.start()
    assert url in host.problem
    with pytest.raises(HostLost, match="not in use"):
        await host.open().receive()
