"""Pipecat's own Deepgram service, unmodified, connected to a listen server; run it in `ops/bench/peers/pipecat`.

python hear_pipecat.py ws://HOST:PORT FILE…

Plays each file (16 kHz 16-bit mono PCM) at the pace of speech and prints what Pipecat passes on, one JSON line each.
"""

import asyncio
import json
import sys
from pathlib import Path

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.workers.runner import WorkerRunner

FRAME = 640


class Told(FrameProcessor):  # type: ignore[misc]
    """Prints the service's output."""

    def __init__(self) -> None:
        super().__init__()
        self.final = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        kinds = {TranscriptionFrame: "final", InterimTranscriptionFrame: "interim", ErrorFrame: "error"}
        if kind := kinds.get(type(frame)):
            print(json.dumps({"kind": kind, "text": getattr(frame, "text", str(frame))}), flush=True)
        if isinstance(frame, TranscriptionFrame):
            self.final.set()
        await self.push_frame(frame, direction)


async def main(url: str, utterances: list[bytes]) -> None:
    told = Told()
    service = DeepgramSTTService(api_key="any", base_url=url, sample_rate=16000)
    worker = PipelineWorker(Pipeline([service, told]), params=PipelineParams(audio_in_sample_rate=16000))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    for audio in utterances:
        await worker.queue_frame(VADUserStartedSpeakingFrame())
        for begin in range(0, len(audio), FRAME):
            frame = InputAudioRawFrame(audio[begin : begin + FRAME], sample_rate=16000, num_channels=1)
            await worker.queue_frame(frame)
            await asyncio.sleep(0.02)
        await worker.queue_frame(VADUserStoppedSpeakingFrame())
        await asyncio.wait_for(told.final.wait(), 20)
        told.final.clear()
    await worker.queue_frame(EndFrame())
    await running


logger.remove()
logger.add(sys.stderr, level="WARNING")
asyncio.run(main(sys.argv[1], [Path(file).read_bytes() for file in sys.argv[2:]]))
