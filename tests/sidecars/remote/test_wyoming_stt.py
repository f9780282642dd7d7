"""A Wyoming server as STT: the third-party wyoming-faster-whisper, with a tiny random Whisper that babbles.

Scripted servers do what it never does (die, hang, send partials), and those tests say so.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event
from wyoming.info import AsrProgram, Attribution, Info, TtsProgram

from phone_daemon.stt.utterance import Utterance
from sidecars.host.fallback import FallbackHost
from sidecars.host.host import HostLost
from sidecars.local.inprocess import InProcessHost
from sidecars.remote import wyoming_utterance
from sidecars.remote.audio_queue import WAITING_S
from sidecars.remote.wyoming_stt import WyomingStt
from sidecars.remote.wyoming_utterance import FORMAT
from tests.sidecars.clinic import OPTIONS, SAID
from tests.sidecars.family import BUILD_S, python_in, tiny
from tests.sidecars.hearing import feed, final, opened, until
from tests.sidecars.junk import JUNK, answering
from tests.sidecars.speech import caller, line, white, wide, words

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


# ------------------------------------------------------------------------------------------------ scripted servers

Say = Callable[[Event], Awaitable[None]]
NOBODY = Attribution(name="", url="")
ABOUT = {"attribution": NOBODY, "installed": True, "description": None, "version": None}


class Script:
    """A server that handles the events of a connection (`heard`) as a test wants."""

    info = Info(asr=[AsrProgram(name="scripted", models=[], **ABOUT)])  # type: ignore[arg-type]

    def __init__(self, act: Callable[[Event, Say], Awaitable[bool]]) -> None:
        """`act` answers an event, and says whether to keep the connection."""
        self._act = act
        self.connections: list[list[str]] = []
        self.gone = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[str] = []
        try:
            while (event := await async_read_event(reader)) is not None:
                if event.type == "describe":
                    await async_write_event(self.info.event(), writer)
                    continue
                if not heard:
                    self.connections.append(heard)
                if heard[-1:] != [event.type]:
                    heard.append(event.type)
                if not await self._act(event, lambda told: async_write_event(told, writer)):
                    break
        except (OSError, EOFError):
            pass
        finally:
            writer.close()
            self.gone.set()


@asynccontextmanager
async def scripted(act: Callable[[Event, Say], Awaitable[bool]], **options: object) -> AsyncIterator[Any]:
    script = Script(act)
    listening = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.url = "tcp://{}:{}".format(*listening.sockets[0].getsockname())
    host = WyomingStt(script.url, options)
    await host.start()
    script.gone.clear()
    try:
        yield script, host
    finally:
        await host.close()
        listening.close()


async def transcript(event: Event, say: Say) -> bool:
    """As servers do."""
    if event.type == "audio-stop":
        await say(Transcript(text=" where is my parcel ").event())
    return event.type != "audio-stop"


async def test_scripted_what_a_server_is_sent() -> None:
    asked: list[dict[str, Any]] = []

    async def act(event: Event, say: Say) -> bool:
        if event.type != "audio-chunk":
            asked.append({name: value for name, value in event.data.items() if value is not None})
        return await transcript(event, say)

    async with scripted(act, model="large", language="de") as (script, host):
        channel = opened(host, language="fr", grammar="clinic")
        feed(channel, SAID[0])
        assert (await final(channel))["text"] == "where is my parcel"
        assert script.connections == [["transcribe", "audio-start", "audio-chunk", "audio-stop"]]
        assert asked == [{"name": "large", "language": "fr"}, FORMAT, {}]


@pytest.mark.parametrize("whole", [True, False])
async def test_scripted_what_is_understood_so_far_is_told(whole: bool) -> None:
    async def act(event: Event, say: Say) -> bool:
        if event.type == "audio-start":
            for told in (TranscriptStart(), TranscriptChunk(text="where is"), TranscriptChunk(text=" my")):
                await say(told.event())
        elif event.type == "audio-stop":
            await say(TranscriptChunk(text=" dog").event())
            if whole:
                await say(Transcript(text="where is my parcel").event())
            await say(TranscriptStop().event())
        return True

    async with scripted(act) as (_, host):
        channel = opened(host)
        partials = [(await until(channel, "Partial"))["text"] for _ in range(2)]
        assert partials == ["where is", "where is my"]
        feed(channel, SAID[0])
        assert (await final(channel))["text"] == ("where is my parcel" if whole else "where is my dog")


async def test_scripted_one_that_ends_utterances_by_itself_goes_on_with_the_next_connection() -> None:
    async def act(event: Event, say: Say) -> bool:
        if event.type == "audio-chunk":
            await say(Transcript(text="where is").event())
            return False
        return await transcript(event, say)

    async with scripted(act) as (script, host):
        channel = opened(host)
        channel.send({"type": "Audio"}, bytes(3200))
        assert (await until(channel, "Partial"))["text"] == "where is"
        channel.send({"type": "Audio"}, bytes(3200))
        await until(channel, "Partial")
        assert (await final(channel))["text"] == "where is where is"
        assert len(script.connections) >= 2


async def test_scripted_one_that_closes_idle_connections_is_called_again_when_somebody_speaks() -> None:
    closed = asyncio.Event()

    async def act(event: Event, say: Say) -> bool:
        if event.type == "audio-start" and not closed.is_set():
            closed.set()
            return False
        return await transcript(event, say)

    async with scripted(act) as (script, host):
        channel = opened(host)
        await closed.wait()
        await script.gone.wait()
        await asyncio.sleep(0.1)
        assert len(script.connections) == 1, "nobody has spoken"
        feed(channel, SAID[0])
        assert (await final(channel))["text"] == "where is my parcel"


async def test_scripted_a_channel_that_is_closed_hangs_up() -> None:
    async with scripted(transcript) as (script, host):
        channel = opened(host)
        feed(channel, SAID[0])
        await asyncio.sleep(0.1)
        (utterance,) = host._utterances
        channel.close()
        async with asyncio.timeout(5):
            await script.gone.wait()
            await utterance.ended()
        assert "audio-stop" not in script.connections[0]
        assert not host._utterances


async def test_scripted_one_that_refuses_is_quoted() -> None:
    async def act(event: Event, say: Say) -> bool:
        await say(Error(text="no such language").event())
        return True

    async with scripted(act) as (_, host):
        failed = await until(opened(host), "Failed")
        assert failed["error"].endswith(": no such language")


async def test_scripted_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyoming_utterance, "ANSWER_S", 0.2)

    async def act(event: Event, say: Say) -> bool:
        return True

    async with scripted(act) as (script, host):
        channel = opened(host)
        feed(channel, SAID[0])
        channel.send({"type": "Finalize"})
        with pytest.raises(HostLost, match=r"no transcript within 0\.2 s"):
            await until(channel, "Final")
        async with asyncio.timeout(5):
            await script.gone.wait()


@pytest.mark.parametrize(
    ("event", "says"),
    [(Event(type="transcript", data={"txt": "?"}), "another dialect"), (None, "closed the connection")],
)
async def test_scripted_one_that_dies_or_makes_no_sense_has_lost_the_utterance(event: Event | None, says: str) -> None:
    async def act(heard: Event, say: Say) -> bool:
        if event is not None and heard.type == "audio-chunk":
            await say(event)
        return heard.type != "audio-chunk"

    async with scripted(act) as (_, host):
        channel = opened(host)
        feed(channel, SAID[0])
        with pytest.raises(HostLost, match=says):
            await until(channel, "Final")


async def test_scripted_for_one_that_does_not_read_the_oldest_audio_is_dropped_and_it_is_told() -> None:
    async def act(event: Event, say: Say) -> bool:
        if event.type == "audio-start":
            await asyncio.sleep(3600)
        return True

    async with scripted(act) as (_, host):
        channel = opened(host)
        second = wide(line(white(1, 0.1)))
        for _ in range(300):  # more than a loopback socket's buffers hold
            channel.send({"type": "Audio"}, second)
            await asyncio.sleep(0)
        assert "is slow: audio is dropped" in (await until(channel, "Fault"))["error"]
        (utterance,) = host._utterances
        assert utterance._audio.waiting_s <= WAITING_S
        channel.send({"type": "Cancel"})
        await until(channel, "Cancelled")


async def test_scripted_a_server_for_something_else_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Script, "info", Info(tts=[TtsProgram(name="x", voices=[], **ABOUT)]))  # type: ignore[arg-type]
    with pytest.raises(HostLost, match="does not understand speech: it is for tts"):
        async with scripted(transcript):
            pass


@pytest.mark.parametrize("junk", JUNK)
async def test_scripted_a_server_of_another_kind_is_named_and_does_no_harm(junk: bytes) -> None:
    async with answering(junk) as url:
        with pytest.raises(HostLost, match=rf"{url}: (does not speak Wyoming|closed the connection)"):
            await WyomingStt(url, {}).start()
