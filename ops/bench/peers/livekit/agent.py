"""A LiveKit agent at the end of a media stream; run it in the environment beside this file.

python agent.py --stt http://HOST:PORT --tts http://HOST:PORT/v1

LiveKit's own `AgentSession` with its defaults, and our audio input and output instead of a room. Its own Deepgram and
OpenAI plug-ins talk to our servers, and the reply is a script instead of a model. What a room would add (jitter buffer,
200 ms of queued audio) is left out, in its favor. Prints a JSON line for each event.
"""

import argparse
import asyncio
import audioop
import base64
import json
import logging
import time
from typing import Any

import aiohttp
from aiohttp import web
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice import io
from livekit.agents.voice.transcription import TranscriptSynchronizer
from livekit.plugins import deepgram, openai

RATE = 8000
FRAME = 320
"""Bytes per 20 ms."""


def tell(call: str, kind: str, **more: Any) -> None:
    print(json.dumps({"call": call, "kind": kind, "at": time.monotonic(), **more}), flush=True)


class LineInput(io.AudioInput):  # type: ignore[misc]
    """The audio from the caller's line."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self.frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.frames.get()


class LineOutput(io.AudioOutput):  # type: ignore[misc]
    """Plays one frame per tick of the line; a cleared or paused reply is silent from the next frame on."""

    def __init__(self, call: str) -> None:
        super().__init__(label="line", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE)
        self._call = call
        self._queued = bytearray()
        self._played = 0
        self._captured = self._ended = self._paused = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._captured = True
        self._queued += bytes(frame.data)

    def flush(self) -> None:
        super().flush()
        self._ended = self._captured
        if not self._queued:
            self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        if self._captured:
            tell(self._call, "trigger", how="cleared")
        self._queued.clear()
        self._finish(interrupted=True)

    def pause(self) -> None:
        super().pause()
        if self._captured and not self._paused:
            tell(self._call, "trigger", how="paused")
        self._paused = True

    def resume(self) -> None:
        super().resume()
        self._paused = False

    def tick(self) -> bytes:
        """The 20 ms to send now; empty if there is nothing."""
        if self._paused or not self._queued:
            return b""
        if not self._played:
            self.on_playback_started(created_at=time.time())
        frame = bytes(self._queued[:FRAME])
        del self._queued[:FRAME]
        self._played += len(frame)
        if self._ended and not self._queued:
            self._finish(interrupted=False)
        return frame

    def _finish(self, *, interrupted: bool) -> None:
        if not self._captured:
            return
        position = self._played / 2 / RATE
        self._played = 0
        self._captured = self._ended = False
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


class Unread(io.TextOutput):  # type: ignore[misc]
    """The output for captions: the session uses them to keep the spoken part of an interrupted reply."""

    def __init__(self) -> None:
        super().__init__(label="captions", next_in_chain=None)

    async def capture_text(self, text: str) -> None:
        """Nobody reads it."""

    def flush(self) -> None:
        """Likewise."""


class Script(llm.LLM):  # type: ignore[misc]
    """Takes a model's place: gives the first reply, and, when some of it has been said, the last."""

    def __init__(self, replies: list[str]) -> None:
        super().__init__()
        self._replies = replies

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: Any = None, **_: Any
    ) -> llm.LLMStream:
        told = len(said_by(chat_ctx, "assistant"))
        text = self._replies[min(max(told - 1, 0), len(self._replies) - 1)]
        return Told(self, text, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Told(llm.LLMStream):  # type: ignore[misc]
    """One reply, word by word."""

    def __init__(self, script: Script, text: str, **more: Any) -> None:
        super().__init__(script, **more)
        self._text = text

    async def _run(self) -> None:
        for word in self._text.split():
            delta = llm.ChoiceDelta(role="assistant", content=word + " ")
            self._event_ch.send_nowait(llm.ChatChunk(id="script", delta=delta))


def said_by(context: llm.ChatContext, role: str) -> list[str]:
    return [item.text_content or "" for item in context.items if item.type == "message" and item.role == role]


async def answer(socket: web.WebSocketResponse, start: dict[str, Any], settings: argparse.Namespace) -> None:
    """One call, until the caller hangs up."""
    call, script = start["callSid"], start["customParameters"]
    async with aiohttp.ClientSession() as http:
        session = AgentSession(
            stt=deepgram.STT(api_key="any", base_url=f"{settings.stt}/v1/listen", http_session=http),
            llm=Script(json.loads(script["replies"])),
            tts=openai.TTS(model="tts-1", api_key="any", base_url=settings.tts, response_format="pcm"),
        )
        heard, spoken = LineInput(), LineOutput(call)
        captioned = TranscriptSynchronizer(next_in_chain_audio=spoken, next_in_chain_text=Unread())
        session.input.audio = heard
        session.output.audio, session.output.transcription = captioned.audio_output, captioned.text_output

        @session.on("conversation_item_added")  # type: ignore[untyped-decorator]
        def added(event: Any) -> None:
            if event.item.type == "message" and event.item.role == "user":
                tell(call, "turn", text=event.item.text_content or "")

        await session.start(Agent(instructions=""))
        session.say(script["greeting"])
        async for message in socket:
            told = json.loads(message.data)
            if told["event"] == "stop":
                break
            if told["event"] == "media":
                pcm = audioop.ulaw2lin(base64.b64decode(told["media"]["payload"]), 2)
                heard.frames.put_nowait(rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2))
                if frame := spoken.tick():
                    payload = base64.b64encode(audioop.lin2ulaw(frame, 2)).decode()
                    await socket.send_str(json.dumps({"event": "media", "media": {"payload": payload}}))
        await session.aclose()
        tell(call, "history", said=said_by(session.history, "assistant"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stt", required=True)
    parser.add_argument("--tts", required=True)
    settings = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)

    async def media_stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive_str()  # "connected"
        await answer(socket, json.loads(await socket.receive_str())["start"], settings)
        await socket.close()
        return socket

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.get("/", media_stream)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
        print(json.dumps({"kind": "ready", "url": url}), flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
