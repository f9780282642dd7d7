"""Calls the agent over /ws/voice: speaks a recording, prints what both say, keeps what the agent said.

    pip install websockets
    PHONE_TOKEN=… python voice_client.py ws://127.0.0.1:8070/ws/voice question.wav answer.wav

`question.wav` is mono, 16 bits, at 8, 16, 24, 44.1 or 48 kHz; the agent answers at the same rate. The protocol is
described in docs/web.md. This file is yours to copy (CC0).
"""

import asyncio
import json
import os
import sys
import wave

from websockets.asyncio.client import connect

AUDIO_START, AUDIO_CHUNK, AUDIO_END, TRANSCRIPTION, LLM_CHUNK, TTS_AUDIO, ERROR, READY, DONE = range(1, 10)
IS_FINAL, NEEDS_FOLLOWUP = 1, 2
STAY_S = 10.0
"""How long the agent may be silent before we hang up."""


class VoiceClient:
    def __init__(self, socket, rate):
        self.socket, self.rate = socket, rate
        self.ready = asyncio.Event()
        self.reply = 0
        self.playing = bytearray()
        """What the agent said and was not yet played: where a loudspeaker would take it from."""
        self.played = bytearray()
        self.heard_at = 0.0

    async def send(self, type, payload=b""):
        await self.socket.send(bytes([type, 0]) + payload)

    async def speak(self, pcm):
        """Sends 20 ms every 20 ms, as a microphone would, and silence when there is no more to say."""
        await self.ready.wait()
        size = self.rate // 50 * 2
        loop = asyncio.get_running_loop()
        due = self.heard_at = loop.time()
        while loop.time() < self.heard_at + STAY_S:
            chunk, pcm = pcm[:size], pcm[size:]
            await self.send(AUDIO_CHUNK, chunk.ljust(size, b"\0"))
            self.played += self.playing[:size].ljust(size, b"\0")
            if self.playing or pcm:
                self.heard_at = loop.time()
            del self.playing[:size]
            due += 0.02
            await asyncio.sleep(max(due - loop.time(), 0))
        await self.send(DONE)

    async def listen(self):
        """Takes what comes until the call is over; returns why it is."""
        async for frame in self.socket:
            type, flags, payload = frame[0], frame[1], frame[2:]
            if type == READY:
                self.ready.set()
            elif type == TTS_AUDIO:
                self.playing += payload
            elif type == AUDIO_START:
                self.reply = json.loads(payload)["reply"]
            elif type == AUDIO_END and json.loads(payload)["drop"]:
                # We interrupted: nothing of this reply, or of one before it, may be heard any more.
                if self.reply <= json.loads(payload)["reply"]:
                    self.playing.clear()
                print("      (interrupted)")
            elif type == TRANSCRIPTION and flags & IS_FINAL:
                print("we:  ", payload.decode())
            elif type == LLM_CHUNK:
                print("agent:", payload.decode(), "…" if flags & NEEDS_FOLLOWUP else "")
            elif type == ERROR:
                print("error:", payload.decode(), file=sys.stderr)
            elif type == DONE:
                return json.loads(payload)["reason"]
        return "connection lost"


async def main(url, question, answer):
    with wave.open(question) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    headers = {"Authorization": f"Bearer {os.environ['PHONE_TOKEN']}"}
    async with connect(url, additional_headers=headers) as socket:
        client = VoiceClient(socket, rate)
        await client.send(AUDIO_START, json.dumps({"rate": rate}).encode())
        speaking = asyncio.create_task(client.speak(pcm))
        print("over:", await client.listen())
        speaking.cancel()
    with wave.open(answer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(client.played)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
