"""A Wyoming server as a voice: a server from the `wyoming` package itself, with real espeak-ng behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler, AsyncServer, AsyncUnixServer
from wyoming.tts import Synthesize

from sidecars.engines.espeak import Espeak
from sidecars.host.host import HostLost
from sidecars.remote.tts_host import RemoteHost
from sidecars.remote.wyoming_tts import WyomingSource
from tests.sidecars.junk import JUNK, answering
from tests.sidecars.speaking import LONG, speak, told

NOBODY = Attribution(name="", url="")


class Speaker(AsyncEventHandler):
    """One connection to a server that speaks with espeak-ng. The client's text may make it misbehave."""

    def __init__(self, espeak: Espeak, seen: list[str], *streams: Any) -> None:
        super().__init__(*streams)
        self.espeak = espeak
        self.seen = seen
        seen.append("connected")

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            voices = [
                TtsVoice(
                    name=name, attribution=NOBODY, installed=True, description=None, version=None, languages=["en"]
                )
                for name in self.espeak.voices()
            ]
            program = TtsProgram(
                name="espeak", attribution=NOBODY, installed=True, description=None, version=None, voices=voices
            )
            await self.write_event(Info(tts=[program]).event())
        elif Synthesize.is_type(event.type):
            return await self.synthesize(Synthesize.from_event(event))
        return True

    async def synthesize(self, asked: Synthesize) -> bool:
        self.seen.append(asked.text[:20])
        if asked.text == "Refuse.":
            await self.write_event(Error(text="not that word").event())
            return True
        rate = 44100 if asked.text == "Twice as fast." else self.espeak.sample_rate
        await self.write_event(AudioStart(rate=rate, width=2, channels=1).event())
        options = {"voice": asked.voice.name} if asked.voice and asked.voice.name else {}
        for chunk in self.espeak.speak(asked.text, options, lambda: False):
            await self.write_event(AudioChunk(rate=rate, width=2, channels=1, audio=chunk.pcm).event())
            if asked.text == "Break.":
                return False
        await self.write_event(AudioStop().event())
        return asked.text != "Once."

    async def disconnect(self) -> None:
        self.seen.append("gone")


@asynccontextmanager
async def serving(path: Path | None = None) -> AsyncIterator[tuple[str, list[str]]]:
    """The server's URL, and what it has received."""
    seen: list[str] = []
    server: Any = AsyncUnixServer(path) if path else AsyncServer.from_uri("tcp://127.0.0.1:0")
    await server.start(partial(Speaker, Espeak(), seen))
    try:
        if path:
            yield f"unix://{path}", seen
        else:
            yield f"tcp://127.0.0.1:{server._server.sockets[0].getsockname()[1]}", seen
    finally:
        await server.stop()


@asynccontextmanager
async def voice(url: str, **options: object) -> AsyncIterator[RemoteHost]:
    host = RemoteHost(WyomingSource(url, options))
    try:
        await host.start()
        yield host
    finally:
        await host.close()


async def test_a_text_is_spoken_in_chunks_and_then_done() -> None:
    async with serving() as (url, _), voice(url) as host:
        assert host.sample_rate == 22050
        assert host.voices[0] == "en-us"
        channel = host.open()
        speak(channel, "Hello there.\nHow are you?")
        messages, audio = await told(channel)
        assert [message["type"] for message in messages] == ["Chunk"] * (len(messages) - 1) + ["Done"]
        assert 1.0 < len(audio) / 44100 < 3.0


async def test_texts_share_a_connection_until_one_is_stopped_in_its_middle() -> None:
    async with serving() as (url, seen), voice(url) as host:
        channel = host.open()
        for text in ("One.", "Two."):
            speak(channel, text)
            await told(channel)
        assert seen == ["connected", "gone", "connected", "Yes.", "gone", "connected", "One.", "Two."]
        speak(channel, LONG)
        await channel.receive()
        channel.send({"type": "Cancel"})
        await told(channel, "Cancelled")
        speak(channel, "Three.")
        assert (await told(channel))[1]
        assert seen[-1] == "Three."
        assert seen[8:].count("connected") == 1


async def test_the_calls_voice_goes_before_the_one_in_the_settings() -> None:
    async with serving() as (url, _), voice(url, voice="de") as host:
        sizes = []
        for options in ({}, {"voice": "de"}, {"voice": "en-us"}):
            channel = host.open()
            speak(channel, "Hello there, how are you?", **options)
            sizes.append(len((await told(channel))[1]))
        assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
        assert sizes[2] != pytest.approx(sizes[1], rel=0.01)


async def test_a_voice_of_another_rate_is_brought_to_the_first_ones() -> None:
    async with serving() as (url, _), voice(url) as host:
        channel = host.open()
        speak(channel, "Twice as fast!")
        plain = len((await told(channel))[1])
        speak(channel, "Twice as fast.")
        assert len((await told(channel))[1]) == pytest.approx(plain / 2, rel=0.1)


async def test_a_refused_text_loses_its_channel_and_no_other() -> None:
    async with serving() as (url, _), voice(url) as host:
        channel, other = host.open(), host.open()
        speak(channel, "Refuse.")
        with pytest.raises(HostLost, match="not that word"):
            await told(channel)
        speak(other, "Fine.")
        assert (await told(other))[1]


async def test_a_server_that_hangs_up_after_each_text_serves_the_next_one() -> None:
    async with serving() as (url, _), voice(url) as host:
        for _ in range(2):
            channel = host.open()
            speak(channel, "Once.")
            assert (await told(channel))[1]


async def test_a_server_that_hangs_up_in_the_middle_loses_the_channel() -> None:
    async with serving() as (url, _), voice(url) as host:
        channel = host.open()
        speak(channel, "Break.")
        with pytest.raises(HostLost, match="closed the connection"):
            await told(channel)
        other = host.open()
        speak(other, "Fine.")
        assert (await told(other))[1]


async def test_a_server_on_a_socket_is_reached(tmp_path: Path) -> None:
    async with serving(tmp_path / "wyoming") as (url, _), voice(url) as host:
        channel = host.open()
        speak(channel, "Hello.")
        assert (await told(channel))[1]


async def test_a_server_that_is_not_there_is_named() -> None:
    async with serving() as (url, _):
        pass
    with pytest.raises(HostLost, match=url):
        async with voice(url):
            pass


@pytest.mark.parametrize("junk", JUNK)
async def test_a_server_of_another_kind_is_named_and_does_no_harm(junk: bytes) -> None:
    async with answering(junk) as url:
        with pytest.raises(HostLost, match=url):
            async with voice(url):
                pass
