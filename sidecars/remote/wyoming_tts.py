"""A Wyoming server as a voice (wyoming-piper and others).

The protocol has voices, but no speed and no word marks; closing the connection stops the speech.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from wyoming.audio import AudioChunk, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeVoice

from sidecars.host.host import HostLost
from sidecars.remote.tts_host import Sound, Unspoken
from sidecars.remote.wyoming_connection import WyomingConnection

DESCRIBE_S = 5.0
MAX_IDLE = 8
"""The most connections that are kept for later texts."""


class WyomingSource:
    """A `Source`. `url`: `tcp://HOST:PORT` or `unix:///PATH`. Options: `voice`, `language`, `speaker`."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Raises `ValueError` for an unknown option."""
        if unknown := sorted(set(options) - {"voice", "language", "speaker"}):
            raise ValueError(f"{unknown[0]!r}: a Wyoming server knows the options 'voice', 'language' and 'speaker'")
        self.name = f"wyoming server {url}"
        self._url = url
        self._options = dict(options)
        self._idle: list[WyomingConnection] = []

    async def speak(self, text: str, options: Mapping[str, Any]) -> AsyncGenerator[Sound, None]:
        voice = self._voice(options)
        client, event = await self._ask(Synthesize(text=text, voice=voice).event())
        whole = False
        try:
            while True:
                if AudioChunk.is_type(event.type):
                    chunk = AudioChunk.from_event(event)
                    if (chunk.width, chunk.channels) != (2, 1):
                        raise Unspoken(
                            f"sends {chunk.channels} channels of {8 * chunk.width} bits; expected 16-bit mono"
                        )
                    if chunk.audio:
                        yield Sound(chunk.audio, chunk.rate)
                elif AudioStop.is_type(event.type):
                    whole = True
                    return
                elif Error.is_type(event.type):
                    raise Unspoken(Error.from_event(event).text[:200])
                event = await _read(client)
        finally:
            if whole and len(self._idle) < MAX_IDLE:
                self._idle.append(client)
            else:
                client.close()

    async def voices(self) -> Sequence[str]:
        try:
            client = await WyomingConnection.open(self._url)
            try:
                info = await client.describe(DESCRIBE_S)
            finally:
                client.close()
        except HostLost as error:
            raise Unspoken(str(error)) from error
        return [voice.name for program in info.tts if program.installed for voice in program.voices if voice.installed]

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _voice(self, options: Mapping[str, Any]) -> SynthesizeVoice | None:
        told = dict(self._options)
        name = options.get("voice") or told.pop("voice", None)
        return (
            SynthesizeVoice(name=name, language=told.get("language"), speaker=told.get("speaker"))
            if name or told
            else None
        )

    async def _ask(self, event: Event) -> tuple[WyomingConnection, Event]:
        """Sends `event`; returns the connection and the first answer on it. Raises `Unspoken`."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.send(event)
                return client, await client.read()
            except HostLost:
                client.close()  # closed by the server while unused
            except BaseException:
                client.close()
                raise
        try:
            client = await WyomingConnection.open(self._url)
        except HostLost as error:
            raise Unspoken(str(error)) from error
        try:
            await client.send(event)
            return client, await client.read()
        except HostLost as error:
            client.close()
            raise Unspoken(str(error)) from error
        except BaseException:
            client.close()
            raise


async def _read(client: WyomingConnection) -> Event:
    try:
        return await client.read()
    except HostLost as error:
        raise Unspoken(str(error)) from error
