"""Utterances at scripted Wyoming servers, which do what the third-party one never does: die, hang, send partials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event
from wyoming.info import AsrProgram, Attribution, Info, TtsProgram

from sidecars.host.host import HostLost
from sidecars.remote import wyoming_utterance
from sidecars.remote.audio_queue import WAITING_S
from sidecars.remote.wyoming_stt import WyomingStt
from sidecars.remote.wyoming_utterance import FORMAT
from tests.sidecars.clinic import SAID
from tests.sidecars.family import BUILD_S
from tests.sidecars.hearing import feed, final, opened, until
from tests.sidecars.junk import JUNK, answering
from tests.sidecars.speech import line, white, wide

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

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
