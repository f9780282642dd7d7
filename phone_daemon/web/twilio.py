"""`/ws/twilio`: Twilio's media-streams dialect (`<Connect><Stream>`), so that a number there reaches the agent.

It carries JSON in text messages, with 8 kHz µ-law in base64. Twilio queues and plays the audio that it receives:
`clear` empties the queue when the caller interrupts, and a `mark` after a reply comes back once the reply has been
played. A stream cannot have our headers, so the token and the numbers are parameters of the stream:

    <Stream url="wss://phone.example.com/ws/twilio">
      <Parameter name="token" value="…"/> <Parameter name="caller" value="{{From}}"/>
      <Parameter name="called" value="{{To}}"/>
    </Stream>
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.media import g711
from phone_daemon.web.auth import Role, judge
from phone_daemon.web.desk import Refused
from phone_daemon.web.leg import Leg
from phone_daemon.web.outbox import Outbox
from phone_daemon.web.web import Web

router = APIRouter()

START_S = 10.0
POLICY, NORMAL = 1008, 1000
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
MAX_MISTAKES = 20
MOST_REASON = 123
"""The most bytes in a close reason (RFC 6455 section 5.5)."""


class BadStream(ValueError):
    """An error that ends the connection; the message is one line, the close reason."""


class TwilioClient:
    """The far end of a leg (`leg.Client`), on behalf of Twilio."""

    rate = SAMPLE_RATE

    def __init__(self, outbox: Outbox, stream: str) -> None:
        self.over = asyncio.Event()
        self._outbox = outbox
        self._stream = stream

    def _send(self, event: str, reply: int = 0, **rest: object) -> None:
        self._outbox.put(json.dumps({"event": event, "streamSid": self._stream, **rest}), reply)

    def audio(self, reply: int, pcm: bytes) -> None:
        if reply:
            payload = base64.b64encode(g711.encode(pcm or bytes(FRAME_BYTES))).decode()
            self._send("media", reply, media={"payload": payload})

    def flushed(self, reply: int, played: int) -> None:
        self._outbox.drop(lambda each: each <= reply)
        self._send("clear")

    def finished(self, reply: int, played: int) -> None:
        self._send("mark", mark={"name": f"reply-{reply}"})

    def digits(self, digits: str) -> None:
        """Does nothing: Twilio's streams accept no keys from us."""

    def note(self, note: Mapping[str, Any]) -> None:
        """Does nothing: Twilio's streams accept no captions either."""

    def closed(self, reason: str, detail: str) -> None:
        self.over.set()


@router.websocket("/ws/twilio")
async def ws_twilio(socket: WebSocket) -> None:
    web: Web = socket.app.state.web
    await socket.accept()
    outbox = Outbox(socket)
    sending = asyncio.create_task(outbox.run())
    code, why = NORMAL, ""
    try:
        await _converse(socket, outbox, web)
    except WebSocketDisconnect:
        pass
    except BadStream as error:
        code, why = POLICY, str(error)
    finally:
        outbox.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1.0):
                await sending
                await socket.close(code, close_reason(why))
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _converse(socket: WebSocket, outbox: Outbox, web: Web) -> None:
    try:
        async with asyncio.timeout(START_S):
            start = await _start(socket)
    except TimeoutError:
        raise BadStream(f"no start within {START_S:g} s") from None
    about = _dict(start.get("start"))
    if (given := about.get("mediaFormat", FORMAT)) != FORMAT:
        raise BadStream(f"media in {json.dumps(given)[:60]}: {FORMAT['encoding']} at 8000 Hz is understood")
    parameters = {name: str(value) for name, value in _dict(about.get("customParameters")).items()}
    try:
        who = judge(web.tokens, parameters.get("token", ""), Role.OPERATE)
    except HTTPException as error:
        raise BadStream(str(error.detail)) from None
    client = TwilioClient(outbox, str(start.get("streamSid", "")))
    try:
        leg = await web.desk.offer(client, parameters.get("caller", ""), parameters.get("called", ""))
    except Refused as error:
        raise BadStream(f"not answered ({error.code}): {error}") from None
    web.audit.record(who, "call", leg.call)
    web.metrics.calls.labels("twilio").inc()
    listening = asyncio.create_task(_listen(socket, leg))
    over = asyncio.create_task(client.over.wait())
    try:
        await asyncio.wait([listening, over], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
    finally:
        leg.hang_up()
        for task in (listening, over):
            task.cancel()
        await asyncio.gather(listening, over, return_exceptions=True)


async def _start(socket: WebSocket) -> dict[str, Any]:
    while True:
        message = await _receive(socket)
        if message.get("event") == "start":
            return message
        if message.get("event") != "connected":
            raise BadStream("the stream begins with connected and start")


async def _listen(socket: WebSocket, leg: Leg) -> None:
    """Listens until the stream stops. Raises `BadStream` after too many mistakes."""
    mistakes = 0
    while True:
        message = await _receive(socket)
        try:
            match message.get("event"):
                case "media":
                    payload = _dict(message.get("media")).get("payload")
                    leg.hear(g711.decode(base64.b64decode(payload if isinstance(payload, str) else "!", validate=True)))
                case "dtmf":
                    leg.digit(str(_dict(message.get("dtmf")).get("digit", "")))
                case "stop":
                    return
                case "mark" | "connected":
                    pass
                case event:
                    raise ValueError(f"event {event!r:.20}")
        except (ValueError, binascii.Error):
            mistakes += 1
            if mistakes > MAX_MISTAKES:
                raise BadStream(f"{MAX_MISTAKES} messages that are none of a media stream") from None


async def _receive(socket: WebSocket) -> dict[str, Any]:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", NORMAL))
    try:
        return _dict(json.loads(message.get("text") or ""))
    except (ValueError, RecursionError):
        raise BadStream("every message is JSON, as text") from None


def close_reason(why: str) -> str:
    """`why`, cut to what a close frame holds: a longer reason would leave the client without any."""
    return why.encode()[:MOST_REASON].decode(errors="ignore")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
