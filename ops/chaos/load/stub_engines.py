"""STUB speech engines, only for load tests: a recognizer that always understands the same sentence, and a tone as a
voice. They serve to measure everything but the engines.

They are servers, which daemons use like any others: recognition with Deepgram's streaming protocol, synthesis with
OpenAI's. `python -m ops.chaos.load.stub_engines FOLDER` serves both on sockets in FOLDER.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from phone_daemon.end_with_parent import end_with_parent
from sidecars import listen_dialect

NAME = "stub"
SAID = "what are your opening hours"
"""The transcript, whatever is said."""
BYTES_A_WORD = 2 * 8000 // 5
"""A partial has another word every 200 ms."""
RATE = 8000
LETTERS_A_SECOND = 15
LEVEL = 6000
TONE_HZ = 440
START_S = 20.0


def understood(audio_bytes: int) -> str:
    """The transcript of that much audio (8 kHz, 16-bit)."""
    return " ".join(SAID.split()[: audio_bytes // BYTES_A_WORD])


def tone(text: str) -> bytes:
    """A tone as long as it would take to say `text`: 16-bit PCM at 8 kHz."""
    at = np.arange(RATE * max(3, len(text)) // LETTERS_A_SECOND)
    return bytes((LEVEL * np.sin(2 * np.pi * TONE_HZ / RATE * at)).astype("<i2").tobytes())


async def _listen(request: web.Request) -> web.WebSocketResponse:
    """One utterance."""
    socket = web.WebSocketResponse()
    socket.headers[listen_dialect.EXTENSIONS_HEADER] = listen_dialect.EXTENSIONS
    await socket.prepare(request)
    heard, told = 0, ""

    def results(text: str, *, final: bool) -> dict[str, Any]:
        words = [(word, 0.2 * at, 0.2 * at + 0.2, 1.0) for at, word in enumerate(text.split())]
        return listen_dialect.results(
            {"text": text, "confidence": 1.0, "words": words},
            request_id=NAME,
            model=NAME,
            start=0.0,
            duration=heard / 2 / RATE,
            final=final,
            speech_final=final,
            from_finalize=final,
        )

    async for message in socket:
        if message.type is WSMsgType.BINARY:
            heard += len(message.data)
            if (text := understood(heard)) != told:
                told = text
                await socket.send_json(results(text, final=False))
            continue
        match message.json()["type"]:
            case "Finalize":
                # Any speech at all yields the whole sentence.
                await socket.send_json(results(SAID if told else "", final=True))
            case "Cancel":
                await socket.send_json({"type": "Cancelled", "released": {"held": {}, "open": 0}})
                break
            case "CloseStream":
                break
    await socket.close()
    return socket


async def _speak(request: web.Request) -> web.Response:
    pcm = tone((await request.json())["input"])
    return web.Response(body=pcm, headers={"Content-Type": f"audio/pcm;rate={RATE}"})


async def _voices(_: web.Request) -> web.Response:
    return web.json_response({"voices": ["tone"]})


def application() -> web.Application:
    app = web.Application()
    app.router.add_get(listen_dialect.PATH, _listen)
    app.router.add_get("/v1/audio/voices", _voices)
    app.router.add_post("/v1/audio/speech", _speak)
    return app


def socket_in(folder: Path) -> Path:
    return folder / "stub.sock"


def settings(folder: Path) -> dict[str, Any]:
    """Sections of a daemon's settings that use the stubs alone."""
    url = f"unix://{socket_in(folder)}"
    return {
        "stt": {"host": "listen", "url": url, "fallback": ""},
        "tts": {"host": "speech", "url": url, "fallback": ""},
    }


@asynccontextmanager
async def stub_engines(folder: Path) -> AsyncIterator[int]:
    """Serves them in a separate process, and yields its id. Raises `TimeoutError`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ops.chaos.load.stub_engines", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent(),
    )
    try:
        async with asyncio.timeout(START_S):
            while not socket_in(folder).exists():  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.05)
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _serve(folder: Path) -> None:
    # An interrupted reply is not an error.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    runner = web.AppRunner(application(), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(socket_in(folder))).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
