"""A recorded caller on a WebSocket: hears the agent and speaks, 20 ms at a time, like a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ops.replay.caller import RecordedCaller
from ops.replay.fixture import Fixture
from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE, WIDE_RATE
from phone_daemon.media.half_band import Doubler, Halver
from phone_daemon.web.voice_frames import Flag, Type, VoiceFrame, json_frame, unpack
from phone_daemon.wire.tape import HangUp, Press, Say


@dataclass
class Heard:
    """The messages received over the socket, and how many of them were not audio."""

    call: str = ""
    finals: list[str] = field(default_factory=list)
    agent: str = ""
    drops: list[int] = field(default_factory=list)
    """Replies that the client was told to drop."""
    stale: int = 0
    """Bytes of a reply's audio that came after the client was told to drop it."""
    reason: str = ""
    audio_bytes: int = 0
    audio_messages: int = 0
    late_s: float = 0.0
    """The most that a frame of the caller was sent too late: the machine was busy."""


async def call(url: str, token: str, fixture: Fixture, rate: int = SAMPLE_RATE) -> Heard:
    """Plays the fixture's cues over `/ws/voice` until the call is over, at 8 or 16 kHz."""
    heard = Heard()
    buffer = bytearray()
    async with connect(f"{url}/ws/voice", additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        about = {"caller": fixture.name, "called": fixture.called, "rate": rate}
        await socket.send(json_frame(Type.AUDIO_START, about).pack())
        up = Doubler().feed if rate == WIDE_RATE else bytes
        halver = Halver()
        speaking = asyncio.create_task(_speak(socket, RecordedCaller(fixture), buffer, up, heard))
        reply = 0
        try:
            async for message in socket:
                assert isinstance(message, bytes)
                frame = unpack(message)
                match frame.type:
                    case Type.READY:
                        heard.call = str(frame.fields["call"])
                    case Type.AUDIO_START:
                        reply = int(str(frame.fields["reply"]))
                    case Type.TTS_AUDIO:
                        heard.audio_bytes += len(frame.payload)
                        heard.audio_messages += 1
                        heard.stale += len(frame.payload) if reply in heard.drops else 0
                        buffer += halver.feed(frame.payload)[0] if rate == WIDE_RATE else frame.payload
                    case Type.AUDIO_END if json.loads(frame.text)["drop"]:
                        heard.drops.append(int(json.loads(frame.text)["reply"]))
                        buffer.clear()
                    case Type.TRANSCRIPTION if frame.flags & Flag.IS_FINAL:
                        heard.finals.append(frame.text)
                    case Type.LLM_CHUNK:
                        heard.agent += frame.text
                    case Type.DONE:
                        heard.reason = str(frame.fields["reason"])
                    case Type.ERROR:
                        raise AssertionError(frame.text)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
    return heard


async def _speak(
    socket: ClientConnection, caller: RecordedCaller, buffer: bytearray, up: Callable[[bytes], bytes], heard: Heard
) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    saying = bytearray()
    with contextlib.suppress(ConnectionClosed):
        while True:
            agent = bytes(buffer[:FRAME_BYTES])
            del buffer[:FRAME_BYTES]
            for act in caller.hear(agent):
                match act:
                    case Say(pcm):
                        saying += pcm
                    case Press(digits):
                        await socket.send(VoiceFrame(Type.DIGITS, payload=digits.encode()).pack())
                    case HangUp():
                        await socket.send(VoiceFrame(Type.DONE).pack())
            chunk = bytes(saying[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
            del saying[:FRAME_BYTES]
            await socket.send(VoiceFrame(Type.AUDIO_CHUNK, payload=up(chunk)).pack())
            due += 0.02
            heard.late_s = max(heard.late_s, loop.time() - due)
            await asyncio.sleep(max(due - loop.time(), 0))
