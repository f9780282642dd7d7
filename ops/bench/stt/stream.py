"""Streams one caller's audio into a listen server in real time, and measures how long its partials take."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp

RATE = 16000
"""The engines' own rate: a server that receives 8 kHz holds back 30 ms in its resampler, which says nothing about the
engine.
"""
FRAME_S = 0.08
"""Audio per message."""
QUERY = f"encoding=linear16&sample_rate={RATE}&channels=1&interim_results=true&endpointing=false"
ANSWER_S = 20.0


class Stream:
    """One client's connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent: list[float] = []
        """When each frame of the connection's audio was sent."""
        self.took_s: list[float] = []
        """From sending the last audio that went into a partial to the partial's arrival, however far the server has
        fallen behind, and whatever was sent since. A chunk that changed nothing has none.
        """
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()

    async def speak(self, pcm: bytes, seconds: float, *, phase_s: float = 0.0) -> None:
        """Sends `pcm` over and over for this long, on the clock; begins after `phase_s`."""
        size = 2 * round(FRAME_S * RATE)
        begin = time.monotonic() + phase_s
        for number in range(round(seconds / FRAME_S)):
            await asyncio.sleep(max(begin + number * FRAME_S - time.monotonic(), 0))
            place = number * size % max(len(pcm) - size, 1) // 2 * 2
            self._sent.append(time.monotonic())
            await self._socket.send_bytes(pcm[place : place + size])

    async def finalize(self) -> float:
        """Seconds to the final transcript."""
        return await self._asked("Finalize", "Results")

    async def cancel(self) -> tuple[float, dict[str, int]]:
        """Seconds until the engine reported that it has freed the utterance, and what it holds since."""
        began = time.monotonic()
        await self._socket.send_json({"type": "Cancel"})
        released = (await self._answer("Cancelled"))["released"]
        return time.monotonic() - began, dict(released["held"])

    def kill(self) -> None:
        """Vanishes without closing the connection, like a client whose machine dies."""
        response: Any = self._socket._response  # the only way to the transport
        if response.connection is not None and response.connection.transport is not None:
            response.connection.transport.abort()
        self._reading.cancel()

    async def _asked(self, control: str, answer: str) -> float:
        began = time.monotonic()
        await self._socket.send_json({"type": control})
        await self._answer(answer)
        return time.monotonic() - began

    async def _answer(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(ANSWER_S):
            while (told := await self._answers.get())["type"] != kind:
                pass
        return told

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if told["type"] == "Results" and not told["is_final"]:
                last = math.ceil((told["start"] + told["duration"]) / FRAME_S - 1e-6) - 1
                if 0 <= last < len(self._sent):
                    self.took_s.append(time.monotonic() - self._sent[last])
            else:
                self._answers.put_nowait(told)


class Streams:
    """Connections to one server: `async with Streams(url, chunk_s) as streams`, which closes all of them."""

    def __init__(self, url: str, chunk_s: float) -> None:
        self._url = f"{url}?{QUERY}"
        self._chunk_s = chunk_s
        self._open: list[Stream] = []

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(stream.close() for stream in self._open), return_exceptions=True)
        await self._http.close()

    async def open(self) -> Stream:
        stream = Stream(await self._http.ws_connect(self._url, max_msg_size=0))
        self._open.append(stream)
        return stream

    async def speaking(self, pcm: bytes, count: int, seconds: float) -> list[Stream]:
        """`count` streams that speak for this long, each beginning at a different time and place; returns at the
        end.
        """
        streams = [await self.open() for _ in range(count)]
        await asyncio.gather(
            *(
                stream.speak(turned(pcm, index, count), seconds, phase_s=self._chunk_s * index / count)
                for index, stream in enumerate(streams)
            )
        )
        return streams

    @asynccontextmanager
    async def background(self, pcm: bytes, count: int) -> AsyncIterator[list[Stream]]:
        """`count` streams that speak without end while the block lasts."""
        streams = [await self.open() for _ in range(count)]
        speaking = [
            asyncio.create_task(stream.speak(turned(pcm, index, count), 3600.0, phase_s=self._chunk_s * index / count))
            for index, stream in enumerate(streams)
        ]
        try:
            yield streams
        finally:
            for task in speaking:
                task.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)
            await asyncio.gather(*(stream.close() for stream in streams))


def turned(pcm: bytes, index: int, count: int) -> bytes:
    """`pcm` from a different place on for each of `count` streams."""
    start = 2 * (index * len(pcm) // (2 * count))
    return pcm[start:] + pcm[:start]
