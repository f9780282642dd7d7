"""A browser's side of a call, by aiortc: sends a recording, and keeps the audio and notes that it receives."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from av import AudioFrame, AudioResampler

from sidecars.resample import Resampler

RATE = 48_000
FRAME = 960


class Microphone(MediaStreamTrack):
    """Silence in real time, and the 16-bit PCM passed to `said`."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queue = bytearray()
        self._began: float | None = None
        self._sent = 0

    def say(self, pcm: bytes, rate: int = 8000) -> float:
        """When its first sample is sent, by `time.monotonic()`."""
        begins = (self._began or time.monotonic()) + (self._sent + len(self._queue) / (2 * FRAME)) * 0.02
        up = Resampler(rate, RATE)
        self._queue += up.feed(pcm) + up.flush()
        return begins

    @property
    def speaking(self) -> bool:
        return bool(self._queue)

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._began = self._began or time.monotonic()
        await asyncio.sleep(max(0.0, self._began + self._sent * 0.02 - time.monotonic()))
        data = bytes(self._queue[: 2 * FRAME]).ljust(2 * FRAME, b"\0")
        del self._queue[: 2 * FRAME]
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(data)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent * FRAME, Fraction(1, RATE)
        self._sent += 1
        return frame


class Browser:
    """One connection."""

    def __init__(self, servers: list[RTCIceServer] | None = None, relay: bool = False, rate: int = 8000) -> None:
        """`rate`: of the audio in `heard`."""
        policy = RTCIceTransportPolicy.RELAY if relay else RTCIceTransportPolicy.ALL
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=servers or [], iceTransportPolicy=policy))
        self.microphone = Microphone()
        self._rate = rate
        self.heard = bytearray()
        """Received audio, 16-bit mono."""
        self.heard_at: list[float] = []
        """When each 20 ms of it arrived."""
        self.notes: list[dict[str, Any]] = []
        self.more = asyncio.Event()
        self.connection.addTrack(self.microphone)
        self.events = self.connection.createDataChannel("events")
        self.events.on("message", self._told)
        self.connection.on("track", self._track)
        self._listening: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp: str = self.connection.localDescription.sdp
        return sdp

    async def answered(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def note(self, kind: str, seconds: float = 20.0) -> dict[str, Any]:
        """The first note of this kind, once it has arrived."""
        async with asyncio.timeout(seconds):
            while not (found := [note for note in self.notes if note["kind"] == kind]):
                self.more.clear()
                await self.more.wait()
        return found[0]

    async def sound(self, seconds: float = 10.0, level: int = 500) -> None:
        """Returns once something loud has been received."""
        async with asyncio.timeout(seconds):
            while not loud(self.heard, level):
                self.more.clear()
                await self.more.wait()

    def press(self, digit: str) -> None:
        """Presses a key, unless the call is over; the data channel is open once a note has come."""
        if self.events.readyState == "open":
            self.events.send(json.dumps({"digit": digit}))

    async def close(self) -> None:
        await self.connection.close()
        if self._listening is not None:
            await asyncio.wait([self._listening])

    def _told(self, message: str) -> None:
        self.notes.append(json.loads(message))
        self.more.set()

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        down = AudioResampler(format="s16", layout="mono", rate=self._rate)
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                for each in down.resample(frame):
                    self.heard += bytes(each.planes[0])[: 2 * each.samples]
                self.heard_at.append(time.monotonic())
                self.more.set()
        except MediaStreamError:
            return


def loud(pcm: bytes | bytearray, level: int = 500) -> bool:
    samples = np.frombuffer(bytes(pcm[: len(pcm) // 2 * 2]), "<i2")
    return bool(len(samples)) and int(np.abs(samples.astype(int)).max()) >= level


@asynccontextmanager
async def browser(
    servers: list[RTCIceServer] | None = None, relay: bool = False, rate: int = 8000
) -> AsyncIterator[Browser]:
    here = Browser(servers, relay, rate)
    try:
        yield here
    finally:
        await here.close()
