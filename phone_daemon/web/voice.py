"""`/ws/voice`: a call over a WebSocket, for clients that cannot use WebRTC. The protocol is specified in docs/web.md.

From the client to the recognizer a frame takes three hops: this process, the daemon, and the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from phone_daemon.events import SAMPLE_RATE, WIDE_RATE, EndReason, frame_samples
from phone_daemon.web.auth import Role, identify
from phone_daemon.web.desk import Desk, Refused
from phone_daemon.web.leg import Leg
from phone_daemon.web.outbox import Outbox
from phone_daemon.web.voice_frames import BadFrame, Flag, Type, VoiceFrame, json_frame, unpack
from phone_daemon.web.web import Web
from sidecars.resample import Resampler

log = logging.getLogger(__name__)

router = APIRouter()

RATES = (8000, 16000, 24000, 44100, 48000)
START_S = 10.0
"""A client that has not begun a call by then is disconnected."""
MAX_MISTAKES = 20
PACE = 4.0
"""How many times faster than real time audio may come in, over `BURST_S`: more is a flood."""
BURST_S = 10.0
SMALLEST = 80
"""The fewest bytes that a chunk counts as."""
NORMAL, POLICY = 1000, 1008
"""Close codes (RFC 6455 section 7.4.1)."""


class VoiceClient:
    """The far end of a leg (`leg.Client`), which uses the protocol of `/ws/voice`."""

    def __init__(self, outbox: Outbox, rate: int, *, notes: bool = False) -> None:
        """`rate`: the sample rate of the client's audio. `notes`: whether the client is sent everything that happens in
        the call.
        """
        self.rate = WIDE_RATE if rate >= WIDE_RATE else SAMPLE_RATE
        self.over = asyncio.Event()
        self._notes = notes
        self._outbox = outbox
        self._out = Resampler(self.rate, rate)
        self._silence = bytes(2 * frame_samples(self.rate))
        self._reply = 0

    def audio(self, reply: int, pcm: bytes) -> None:
        if not reply:
            return
        if reply != self._reply:
            self._reply = reply
            self._outbox.put(json_frame(Type.AUDIO_START, {"reply": reply}).pack())
        # A pause within a reply is part of it.
        if out := self._out.feed(pcm or self._silence):
            self._outbox.put(VoiceFrame(Type.TTS_AUDIO, payload=out).pack(), reply)

    def flushed(self, reply: int, played: int) -> None:
        self._out.flush()
        self._outbox.drop(lambda each: each <= reply)
        self._end(reply, played, drop=True)

    def finished(self, reply: int, played: int) -> None:
        if rest := self._out.flush():
            self._outbox.put(VoiceFrame(Type.TTS_AUDIO, payload=rest).pack(), reply)
        self._end(reply, played, drop=False)

    def _end(self, reply: int, played: int, *, drop: bool) -> None:
        about = {"reply": reply, "played_ms": round(played / SAMPLE_RATE * 1000), "drop": drop}
        self._outbox.put(json_frame(Type.AUDIO_END, about, Flag.IS_FINAL).pack())

    def digits(self, digits: str) -> None:
        self._outbox.put(VoiceFrame(Type.DIGITS, payload=digits.encode()).pack())

    def note(self, note: Mapping[str, Any]) -> None:
        if self._notes:
            self._outbox.put(json_frame(Type.NOTE, note).pack())
        text = str(note["data"].get("text", "")).encode()
        match note["kind"]:
            case "partial":
                self._outbox.put(VoiceFrame(Type.TRANSCRIPTION, payload=text).pack())
            case "final":
                self._outbox.put(VoiceFrame(Type.TRANSCRIPTION, Flag.IS_FINAL, text).pack())
            case "agent":
                flags = Flag.NEEDS_FOLLOWUP if note["data"].get("filler") else Flag.NONE
                self._outbox.put(VoiceFrame(Type.LLM_CHUNK, flags, text).pack())

    def closed(self, reason: str, detail: str) -> None:
        self._outbox.put(json_frame(Type.DONE, {"reason": reason, "detail": detail}, Flag.IS_FINAL).pack())
        self.over.set()


@router.websocket("/ws/voice")
async def ws_voice(socket: WebSocket) -> None:
    web: Web = socket.app.state.web
    try:
        who = identify(socket, Role.OPERATE)
    except HTTPException as error:
        await socket.send_denial_response(JSONResponse({"detail": error.detail}, error.status_code, error.headers))
        return
    await socket.accept()
    outbox = Outbox(socket)
    sending = asyncio.create_task(outbox.run())
    code = NORMAL
    try:

        def begun(call: str) -> None:
            web.audit.record(who, "call" if not conversation.join else "take_over", conversation.join or call)
            web.metrics.calls.labels("websocket").inc()

        conversation = Conversation(socket, outbox, web.desk)
        code = await conversation.run(begun)
    except WebSocketDisconnect:
        return
    except BadFrame as error:
        outbox.put(VoiceFrame(Type.ERROR, payload=str(error).encode()).pack())
        code = POLICY
    finally:
        outbox.close()
        # A client that does not read gets no farewell.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1.0):
                await sending
                await socket.close(code)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


class Conversation:
    """Handles one client's frames, from its audio_start to the end of the call."""

    def __init__(self, socket: WebSocket, outbox: Outbox, desk: Desk) -> None:
        self._socket = socket
        self._outbox = outbox
        self._desk = desk
        self.join = ""
        """The live call that the client takes over."""
        self._mistakes = 0
        self._allowance = 0.0
        self._at = time.monotonic()

    async def run(self, begun: Callable[[str], None]) -> int:
        """Serves the client and returns the close code. Raises `WebSocketDisconnect`, and `BadFrame` for an error that
        ends the connection.
        """
        try:
            async with asyncio.timeout(START_S):
                start = await self._start()
        except TimeoutError:
            raise BadFrame(f"no audio_start (0x01) within {START_S:g} s") from None
        caller, called, self.join, rate = _options(start)
        client = VoiceClient(self._outbox, rate, notes=start.fields.get("notes") is True)
        try:
            leg = await self._desk.offer(client, caller, called, self.join)
        except Refused as error:
            raise BadFrame(f"not answered ({error.code}): {error}") from None
        begun(leg.call)
        try:
            about = {"call": leg.call, "rate": rate, "frame_ms": 20}
            self._outbox.put(json_frame(Type.READY, about).pack())
            return await self._converse(leg, client, rate)
        finally:
            leg.hang_up()

    async def _start(self) -> VoiceFrame:
        while True:
            frame = await self._receive()
            if frame is not None and frame.type is Type.AUDIO_START:
                return frame
            if frame is not None:
                self._mistake(f"{frame.type.name.lower()} before audio_start (0x01): nothing is called yet")

    async def _converse(self, leg: Leg, client: VoiceClient, rate: int) -> int:
        into = Resampler(rate, client.rate)
        half = b""
        over = asyncio.create_task(client.over.wait())
        receiving: asyncio.Task[VoiceFrame | None] | None = None
        try:
            while not client.over.is_set():
                if receiving is None:
                    receiving = asyncio.create_task(self._receive())
                await asyncio.wait([over, receiving], return_when=asyncio.FIRST_COMPLETED)
                if self._outbox.stuck:
                    leg.close(EndReason.RTP_TIMEOUT, detail="the client takes nothing")
                    break
                if not receiving.done():
                    break
                frame, receiving = receiving.result(), None
                match frame:
                    case VoiceFrame(Type.AUDIO_CHUNK, flags, payload):
                        self._spend(len(payload), rate)
                        # A trailing half sample belongs to the next chunk.
                        pcm = half + payload
                        half = pcm[len(pcm) & ~1 :]
                        leg.hear(into.feed(pcm[: len(pcm) & ~1]))
                        if flags & Flag.IS_FINAL:
                            leg.mute()
                    case VoiceFrame(Type.AUDIO_END):
                        leg.mute()
                    case VoiceFrame(Type.DIGITS):
                        self._press(leg, frame)
                    case VoiceFrame(Type.DONE):
                        leg.hang_up()
                    case VoiceFrame(type):
                        self._mistake(f"{type.name.lower()} (0x{type:02x}) is not for a client to send in a call")
        finally:
            for task in (over, receiving):
                if task is not None:
                    task.cancel()
            await asyncio.gather(over, *([receiving] if receiving else ()), return_exceptions=True)
        return NORMAL

    async def _receive(self) -> VoiceFrame | None:
        """The next frame; None if the message is not a frame, in which case the client is told."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        data = message.get("bytes")
        try:
            if data is None:
                raise BadFrame("a text message: every frame is binary: type, flags, payload")
            return unpack(data)
        except BadFrame as error:
            self._mistake(str(error))
            return None

    def _mistake(self, what: str) -> None:
        """Reports a mistake to the client. Raises `BadFrame` if there have been too many."""
        self._mistakes += 1
        if self._mistakes > MAX_MISTAKES:
            raise BadFrame(f"{MAX_MISTAKES} mistakes are enough; the last: {what}")
        self._outbox.put(VoiceFrame(Type.ERROR, payload=what.encode()).pack())

    def _press(self, leg: Leg, frame: VoiceFrame) -> None:
        try:
            for digit in frame.text:
                leg.digit(digit)
        except ValueError as error:
            self._mistake(str(error))

    def _spend(self, size: int, rate: int) -> None:
        now = time.monotonic()
        a_second = PACE * 2 * rate
        self._allowance = max(self._allowance - (now - self._at) * a_second, 0.0) + max(size, SMALLEST)
        self._at = now
        if self._allowance > BURST_S * a_second:
            raise BadFrame(f"audio comes in {PACE:g} times faster than anybody speaks; send it as it is captured")


def _options(start: VoiceFrame) -> tuple[str, str, str, int]:
    """Returns an audio_start's caller, called number, call to take over, and sample rate. Raises `BadFrame`."""
    fields = start.fields
    if unknown := set(fields) - {"caller", "called", "rate", "notes", "join"}:
        raise BadFrame(
            f"audio_start: unknown key {json.dumps(min(unknown))[:40]}; there are called, caller, join, notes and rate"
        )
    caller, called, join = (fields.get(key, "") for key in ("caller", "called", "join"))
    rate = fields.get("rate", SAMPLE_RATE)
    if not isinstance(caller, str) or not isinstance(called, str) or not isinstance(join, str):
        raise BadFrame("audio_start: caller, called and join are texts")
    if isinstance(rate, bool) or rate not in RATES:
        raise BadFrame(f"audio_start: a rate of {json.dumps(rate)[:20]}; one of {', '.join(map(str, RATES))} Hz")
    return caller, called, join, int(rate)
