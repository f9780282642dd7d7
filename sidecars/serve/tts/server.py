"""The HTTP side of `sidecars.serve.tts`: takes requests, and returns an engine's audio as it is made."""

from __future__ import annotations

import asyncio
import hmac
import logging
import struct
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sidecars.host.host import Channel, Host, HostLost
from sidecars.log import Event
from sidecars.pieces import pieces
from sidecars.resample import Resampler
from sidecars.serve.tts.request import MAX_BODY, Complaint, SpeechRequest, parse

PCM_RATE = 24000
"""The rate of `pcm` in this dialect (Hz). `wav` states its own rate, which is the engine's."""
TURN_CHARS = 250
"""The most characters that the engine gets at once: after each such piece, other waiting requests have a turn."""
PAUSE_S = 0.3
"""The pause between such pieces, after a sentence or a clause."""
WRITE_S = 10.0
"""A client that reads nothing for this long is disconnected."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger("speech")


class SpeechServer:
    """Serves `host`, whose engine is called `engine`. Set `ready` once the host can speak."""

    def __init__(self, host: Host, engine: str, *, token: str = "", max_requests: int = 16) -> None:
        """`token`: the token that clients must send; empty: none. More than `max_requests` at once are answered with
        429.
        """
        self.ready = False
        self._host = host
        self._engine = engine
        self._token = token.encode()
        self._max_requests = max_requests
        self._active = 0
        self._registry = CollectorRegistry()
        self._requests = Counter("speech_requests", "Requests by how they ended", ["outcome"], registry=self._registry)
        self._made = Counter("speech_audio_seconds", "Speech that the engine has made", registry=self._registry)
        self._first = Histogram("speech_first_audio_seconds", "Request to first audio", registry=self._registry)
        gauge = Gauge("speech_active_requests", "Requests being answered", registry=self._registry)
        gauge.set_function(lambda: self._active)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guard])
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/audio/voices", self._voices)
        app.router.add_get("/v1/voices", self._voices)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        return app

    # ------------------------------------------------------------------------------------------ small answers

    @property
    def _serves(self) -> bool:
        return self.ready and not self._host.problem

    async def _healthz(self, _: web.Request) -> web.StreamResponse:
        problem = self._host.problem if self.ready else "the engine is being loaded"
        return web.json_response({"status": problem or "ok"}, status=503 if problem else 200)

    async def _models(self, _: web.Request) -> web.StreamResponse:
        model = {"id": self._engine, "object": "model", "created": 0, "owned_by": "sidecars"}
        return web.json_response({"object": "list", "data": [model]})

    async def _voices(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"voices": list(self._host.voices)})

    async def _metrics(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": "text/plain; version=0.0.4"})

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Admits requests with the token, and gives every error the format that clients read."""
        try:
            if self._token and request.path != "/healthz":
                borne = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
                if not hmac.compare_digest(borne, self._token):
                    raise Complaint(401, "expected the header 'Authorization: Bearer TOKEN'", code="invalid_api_key")
            return await handler(request)
        except Complaint as complaint:
            return self._refusal(complaint)
        except web.HTTPRequestEntityTooLarge:
            return self._refusal(Complaint(413, f"the body is longer than {MAX_BODY} bytes"))
        except web.HTTPException as error:
            return self._refusal(Complaint(error.status, f"{request.method} {request.path}: {error.reason}"))

    def _refusal(self, complaint: Complaint) -> web.Response:
        self._requests.labels(f"refused_{complaint.status}").inc()
        headers = {"Retry-After": "1"} if complaint.status in (429, 503) else {}
        return web.json_response(complaint.body(), status=complaint.status, headers=headers)

    # ------------------------------------------------------------------------------------------ speech

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        came = time.perf_counter()
        if not self._serves:
            raise Complaint(503, self._host.problem or "the engine is being loaded", code="not_ready")
        if self._active >= self._max_requests:
            raise Complaint(
                429, f"{self._max_requests} requests are being answered already", code="rate_limit_exceeded"
            )
        self._active += 1
        channel = self._host.open()
        try:
            asked = parse(await request.read(), self._engine, self._host.voices)
            sounds = self._sounds(channel, asked)
            first = await anext(sounds, b"")
            self._first.observe(time.perf_counter() - came)
            return await self._stream(request, channel.sample_rate, asked.wav, first, sounds)
        except HostLost as error:
            raise Complaint(503, str(error), code="engine_lost") from error
        except asyncio.CancelledError:
            self._requests.labels("hung_up").inc()
            raise
        finally:
            channel.close()  # this stops the engine
            self._active -= 1

    async def _sounds(self, channel: Channel, asked: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Yields the speech as it is made. Raises `Complaint` or `HostLost`."""
        pause = b""
        for _, piece in pieces(asked.text, TURN_CHARS):
            channel.send({"type": "Speak", "text": piece, "options": dict(asked.options)})
            while (received := await channel.receive())[0]["type"] == "Chunk":
                self._made.inc(len(received[1]) / 2 / channel.sample_rate)
                yield pause + received[1]
                pause = b""
            if received[0]["type"] == "Failed":
                raise _complaint(str(received[0]["error"]))
            if piece.rstrip()[-1:] in ".!?…,;:":
                pause = bytes(2 * round(PAUSE_S * channel.sample_rate))

    async def _stream(
        self, request: web.Request, rate: int, wav: bool, first: bytes, sounds: AsyncGenerator[bytes, None]
    ) -> web.StreamResponse:
        """Answers with `first` and the audio that follows it, PCM at `rate` Hz."""
        stream = Resampler(rate, rate if wav else PCM_RATE)
        if not wav:
            rate = PCM_RATE
        kind = "audio/wav" if wav else f"audio/pcm;rate={rate}"
        response = web.StreamResponse(headers={"Content-Type": kind, "X-Sample-Rate": str(rate)})
        outcome = "failed"
        try:
            await response.prepare(request)
            if wav:
                await self._write(response, _wav_header(rate))
            await self._write(response, stream.feed(first))
            async for pcm in sounds:
                await self._write(response, stream.feed(pcm))
            await self._write(response, stream.flush())
            await response.write_eof()
            outcome = "spoken"
        except (HostLost, Complaint) as error:
            log.error(Event("synthesis.cut_short", reason=error))
        except (ConnectionError, TimeoutError):
            outcome = "hung_up"
        if outcome != "spoken" and request.transport is not None:
            request.transport.abort()  # so that no client mistakes it for the end of the speech
        self._requests.labels(outcome).inc()
        return response

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        if data:
            async with asyncio.timeout(WRITE_S):
                await response.write(data)


def _complaint(error: str) -> Complaint:
    """Translates an engine's error: a bad option is the client's fault, anything else is ours."""
    name, _, text = error.partition(": ")
    if name == "ValueError":
        return Complaint(400, text, "voice" if text.startswith("voice") else None)
    return Complaint(500, error)


def _wav_header(rate: int) -> bytes:
    """The header of 16-bit mono PCM whose length is not known yet."""
    endless = 0xFFFFFFFF
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", endless, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", endless
    )
