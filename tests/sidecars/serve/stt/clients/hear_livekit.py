"""LiveKit's own Deepgram plug-in, unmodified, connected to a listen server; run it in `ops/bench/peers/livekit`.

python hear_livekit.py http://HOST:PORT FILE…

Plays each file (16 kHz 16-bit mono PCM) at the pace of speech and prints what LiveKit passes on, one JSON line each.
"""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
from livekit import rtc
from livekit.agents.stt import SpeechEventType
from livekit.plugins import deepgram

FRAME = 640
KINDS = {SpeechEventType.FINAL_TRANSCRIPT: "final", SpeechEventType.INTERIM_TRANSCRIPT: "interim"}


async def main(url: str, utterances: list[bytes]) -> None:
    async with aiohttp.ClientSession() as session:
        stt = deepgram.STT(api_key="any", base_url=f"{url}/v1/listen", sample_rate=16000, http_session=session)
        stream = stt.stream()
        final = asyncio.Event()

        async def tell() -> None:
            async for event in stream:
                if kind := KINDS.get(event.type):
                    print(json.dumps({"kind": kind, "text": event.alternatives[0].text}), flush=True)
                    if kind == "final":
                        final.set()

        telling = asyncio.create_task(tell())
        for audio in utterances:
            for begin in range(0, len(audio), FRAME):
                piece = audio[begin : begin + FRAME]
                stream.push_frame(rtc.AudioFrame(piece, 16000, 1, len(piece) // 2))
                await asyncio.sleep(0.02)
            stream.flush()
            await asyncio.wait_for(final.wait(), 20)
            final.clear()
        stream.end_input()
        await telling
        await stream.aclose()


asyncio.run(main(sys.argv[1], [Path(file).read_bytes() for file in sys.argv[2:]]))
