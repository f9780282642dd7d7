"""Listening in on a live call, whose recording is sent on while it grows. Neither side of the call can notice.

The call writes its recording once a second, so a listener is a second behind and costs the call nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from phone_daemon.events import SAMPLE_RATE
from phone_daemon.web.auth import Operator, Role, may_still
from phone_daemon.web.call_store import CallStore
from phone_daemon.web.control import CallId, content, some
from phone_daemon.web.web import Web

router = APIRouter(prefix="/v1")

HEADER_BYTES = 44
FRAME_BYTES = 4
"""One sample of both channels."""
ENDLESS = 0xFFFFFFFF
"""The length in a WAV file that is still being written, as players accept it."""
HEAR_BACK_S = 1.0
"""How much audio from before they joined a listener hears."""
LOOK_S = 0.2
SILENT_S = 10.0
"""A recording that has not grown for this long belongs to a call that is over, however it ended."""


@router.get(
    "/calls/{call}/audio",
    tags=["calls"],
    response_class=StreamingResponse,
    responses=some(404) | {200: content("audio/wav", "8 kHz stereo, without an end", format="binary")},
)
async def listen_in(request: Request, who: Operator, call: CallId) -> StreamingResponse:
    """Streams a live call with a second's delay: caller left, agent right. Ends with the call."""
    web: Web = request.app.state.web
    path = await asyncio.to_thread(web.store.recording, call)
    if path is None or not await asyncio.to_thread(web.store.goes_on, call):
        raise HTTPException(404, f"call {call} is not live here, or is not recorded")
    web.audit.record(who, "listen", call)

    async def audio() -> AsyncIterator[bytes]:
        async with contextlib.aclosing(follow(path, web.store, call)) as pieces:
            async for piece in pieces:
                if not may_still(request, Role.OPERATE):
                    return
                yield piece

    return StreamingResponse(audio(), media_type="audio/wav", headers={"Cache-Control": "no-store"})


async def follow(path: Path, store: CallStore, call: str) -> AsyncGenerator[bytes, None]:
    """Yields a WAV header without a length, then what `path` holds from a second ago, and then what is added to it."""
    rate = SAMPLE_RATE * FRAME_BYTES
    head = struct.pack("<4sI4s4sIHHII", b"RIFF", ENDLESS, b"WAVE", b"fmt ", 16, 1, 2, SAMPLE_RATE, rate)
    yield head + struct.pack("<HH4sI", FRAME_BYTES, 16, b"data", ENDLESS)
    size = (await asyncio.to_thread(path.stat)).st_size
    at = max(size - round(HEAR_BACK_S * rate), HEADER_BYTES)
    at -= (at - HEADER_BYTES) % FRAME_BYTES
    silent, goes_on = 0.0, True
    while silent < SILENT_S:
        piece = await asyncio.to_thread(_read, path, at)
        if piece:
            at, silent = at + len(piece), 0.0
            yield piece
        elif not goes_on:
            return
        elif goes_on := await asyncio.to_thread(store.goes_on, call):
            silent += LOOK_S
            await asyncio.sleep(LOOK_S)
        # Otherwise, also read what was written after we looked and before the call ended.


def _read(path: Path, at: int) -> bytes:
    """Reads whole samples from `at` on."""
    try:
        with path.open("rb") as file:
            file.seek(at)
            piece = file.read(1 << 16)
    except OSError:
        return b""
    return piece[: len(piece) // FRAME_BYTES * FRAME_BYTES]
