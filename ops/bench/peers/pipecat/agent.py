"""A Pipecat agent for telephone calls, built as in its documentation; run it in the environment beside this file.

python agent.py --stt ws://HOST:PORT --tts http://HOST:PORT/v1 --policy vad|min-words|smart-turn

Pipecat's own FastAPI WebSocket transport and Twilio serializer carry the call, and its own Deepgram and OpenAI services
talk to our servers; the reply is a script instead of a model. Prints a JSON line for each event.
"""

import argparse
import asyncio
import json
import socket
import sys
import time
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_start import MinWordsUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

MIN_WORDS = 3
"""The number that is usual for this policy."""


def tell(call: str, kind: str, **more: Any) -> None:
    print(json.dumps({"call": call, "kind": kind, "at": time.monotonic(), **more}), flush=True)


def strategies(policy: str) -> UserTurnStrategies:
    """Anything not named here is Pipecat's default: a turn starts by VAD or transcript and ends by Smart Turn."""
    if policy == "smart-turn":
        return UserTurnStrategies()
    start = [MinWordsUserTurnStartStrategy(min_words=MIN_WORDS)] if policy == "min-words" else None
    return UserTurnStrategies(start=start, stop=[SpeechTimeoutUserTurnStopStrategy()])


def said_by(context: LLMContext, role: str) -> list[str]:
    return [str(each["content"]) for each in context.get_messages() if each["role"] == role]


class Script(FrameProcessor):  # type: ignore[misc]
    """Takes a model's place: gives the first reply, and, when some of it has been said, the last."""

    def __init__(self, call: str, replies: list[str]) -> None:
        super().__init__()
        self._call = call
        self._replies = replies

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        asked, told = said_by(frame.context, "user"), said_by(frame.context, "assistant")
        tell(self._call, "turn", text=asked[-1] if asked else "")
        await self.push_frame(LLMFullResponseStartFrame())
        for word in self._replies[min(max(len(told) - 1, 0), len(self._replies) - 1)].split():
            await self.push_frame(LLMTextFrame(word + " "))
        await self.push_frame(LLMFullResponseEndFrame())


async def answer(websocket: WebSocket, start: dict[str, Any], settings: argparse.Namespace) -> None:
    """One call, until the caller hangs up."""
    call, script = start["callSid"], start["customParameters"]
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            serializer=TwilioFrameSerializer(
                stream_sid=start["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
            ),
        ),
    )
    context = LLMContext()
    user, assistant = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(
            vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=strategies(settings.policy)
        ),
    )
    stages = [
        transport.input(),
        DeepgramSTTService(api_key="any", base_url=settings.stt),
        user,
        Script(call, json.loads(script["replies"])),
        OpenAITTSService(api_key="any", base_url=settings.tts, sample_rate=24000),
        transport.output(),
        assistant,
    ]
    worker = PipelineWorker(
        Pipeline(stages), params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000)
    )

    @user.event_handler("on_user_turn_started")  # type: ignore[untyped-decorator]
    async def started(*_: object) -> None:
        tell(call, "trigger")

    @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]
    async def connected(*_: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(script["greeting"]))

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]
    async def disconnected(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()
    tell(call, "history", said=said_by(context, "assistant"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stt", required=True)
    parser.add_argument("--tts", required=True)
    parser.add_argument("--policy", required=True, choices=("vad", "min-words", "smart-turn"))
    settings = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    app = FastAPI()

    @app.websocket("/")
    async def media_stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()  # "connected"
        await answer(websocket, json.loads(await websocket.receive_text())["start"], settings)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(json.dumps({"kind": "ready", "url": f"ws://127.0.0.1:{listening.getsockname()[1]}/"}), flush=True)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
