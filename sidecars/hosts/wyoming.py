"""A Wyoming server as a voice (wyoming-piper and others): JSON lines with audio behind them, over TCP or a socket.

Protocol: https://github.com/OHF-Voice/wyoming. It knows voices and no speed, and no word marks; stopping is closing
the connection.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from wyoming.audio import AudioChunk, AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from sidecars.hosts.remote import Sound, Unspoken

CONNECT_S = 1.5
MAX_IDLE = 8
"""Connections that are kept for the next text."""


class WyomingSource:
    """A `Source`. `url`: `tcp://HOST:PORT` or `unix:///PATH`. Options: `voice`, `language`, `speaker`."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Raises `ValueError` for an option that there is not."""
        if unknown := sorted(set(options) - {"voice", "language", "speaker"}):
            raise ValueError(f"{unknown[0]!r}: a Wyoming server knows the options 'voice', 'language' and 'speaker'")
        self.name = f"wyoming server {url}"
        self._url = url
        self._options = dict(options)
        self._idle: list[AsyncClient] = []

    async def speak(self, text: str, options: Mapping[str, Any]) -> AsyncGenerator[Sound, None]:
        voice = self._voice(options)
        client, event = await self._ask(Synthesize(text=text, voice=voice).event())
        whole = False
        try:
            while True:
                if AudioChunk.is_type(event.type):
                    chunk = AudioChunk.from_event(event)
                    if (chunk.width, chunk.channels) != (2, 1):
                        raise Unspoken(f"sends {chunk.channels} channels of {8 * chunk.width} bits; want 16-bit mono")
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
                await _hang_up(client)

    async def voices(self) -> Sequence[str]:
        client, event = await self._ask(Describe().event())
        try:
            while not Info.is_type(event.type):
                event = await _read(client)
            info = Info.from_event(event)
        finally:
            await _hang_up(client)
        return [voice.name for program in info.tts if program.installed for voice in program.voices if voice.installed]

    async def close(self) -> None:
        while self._idle:
            await _hang_up(self._idle.pop())

    def _voice(self, options: Mapping[str, Any]) -> SynthesizeVoice | None:
        told = dict(self._options)
        name = options.get("voice") or told.pop("voice", None)
        return (
            SynthesizeVoice(name=name, language=told.get("language"), speaker=told.get("speaker"))
            if name or told
            else None
        )

    async def _ask(self, event: Event) -> tuple[AsyncClient, Event]:
        """Sends `event`; returns the connection and the first answer on it. Raises `Unspoken`."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.write_event(event)
                return client, await _read(client)
            except (OSError, Unspoken):
                await _hang_up(client)  # closed by the server while nobody used it
            except BaseException:
                await _hang_up(client)
                raise
        client = AsyncClient.from_uri(self._url, connect_timeout=CONNECT_S)
        try:
            await client.connect()
            await client.write_event(event)
            return client, await _read(client)
        except OSError as error:
            await _hang_up(client)
            raise Unspoken(f"{type(error).__name__}: {error}") from error
        except BaseException:
            await _hang_up(client)
            raise


async def _read(client: AsyncClient) -> Event:
    try:
        event = await client.read_event()
    except Exception as error:  # the package takes for granted that it is spoken to in its own language
        raise Unspoken(f"{type(error).__name__}: {error}") from error
    if event is None:
        raise Unspoken("closed the connection")
    return event


async def _hang_up(client: AsyncClient) -> None:
    with suppress(OSError):
        await client.disconnect()
