"""Serves a speech synthesis engine in OpenAI's dialect, so that any client of that dialect can use it.

    python -m sidecars.serve.tts --engine NAME [--model PATH] [--option KEY=VALUE] (--port N | --socket PATH)

`POST /v1/audio/speech` streams `pcm` (24 kHz, 16 bit, mono) or `wav` as it is made. Others: `GET /v1/models`, `GET
/v1/audio/voices`, `GET /healthz` (200 once the engine has spoken a first text), and `GET /metrics` (Prometheus).

The engine has its own process, which may run another Python (`--python`) and is replaced when it dies.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from aiohttp import web

from sidecars.environment import interpreter
from sidecars.host.host import Host, HostLost
from sidecars.local.subprocess import SubprocessHost
from sidecars.options import add_options, options_of
from sidecars.serve.command import add_address, listen, token_of, told_to_end, unlink_socket
from sidecars.serve.systemd import keep_watchdog, notify
from sidecars.serve.tts.server import SpeechServer

WARM_UP = "One, two, three."
LOADING_S = 3600.0
"""An engine may need to download its weights first."""
LAST_WORDS_S = 5.0
"""How long speech may continue after the server is told to end."""

log = logging.getLogger("speech")


async def serve(host: Host, server: SpeechServer, arguments: argparse.Namespace) -> None:
    """Serves at the address that the `arguments` of `add_address` give, until SIGTERM or SIGINT.

    Listens before the engine is loaded, so that whoever waits for it can query `/healthz`. Raises `OSError` if it
    cannot listen and `HostLost` if the engine cannot be loaded.
    """
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=LAST_WORDS_S)
    await runner.setup()
    stopping = told_to_end()
    loading = asyncio.create_task(_load(host, server), name="load the engine")
    stopped = asyncio.create_task(stopping.wait())
    watchdog = asyncio.create_task(keep_watchdog(), name="watchdog")
    try:
        where = await listen(runner, arguments, "http")
        log.info("listening on %s%s", where, "" if arguments.socket else "/v1")
        await asyncio.wait([loading, stopped], return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()
            await stopped
    finally:
        loading.cancel()
        stopped.cancel()
        await asyncio.wait([loading, stopped])
        watchdog.cancel()
        await runner.cleanup()
        await host.close()


async def _load(host: Host, server: SpeechServer) -> None:
    await host.start()
    channel = host.open()
    try:
        channel.send({"type": "Speak", "text": WARM_UP, "options": {}})
        while (message := (await channel.receive())[0])["type"] != "Done":
            if message["type"] == "Failed":
                raise HostLost(f"the engine cannot speak: {message['error']}")
    finally:
        channel.close()
    server.ready = True
    notify("READY=1")
    log.info("ready: %d voices", len(host.voices))


def main(given: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 if it cannot serve, 2 for a usage error."""
    parser = _parser()
    arguments = parser.parse_args(given)
    token = token_of(parser, arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    engine = arguments.engine
    python = arguments.python or interpreter(engine)
    host = SubprocessHost(
        "tts", engine, options_of(arguments), python, spare=arguments.spare, start_timeout_s=LOADING_S
    )
    server = SpeechServer(host, engine, token=token, max_requests=arguments.max_requests)
    try:
        asyncio.run(serve(host, server, arguments))
    except (HostLost, OSError) as error:
        print(f"sidecars.serve.tts: {getattr(error, 'strerror', None) or error}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        unlink_socket(arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sidecars.serve.tts", description="Serve a speech engine as OpenAI's /v1/audio/speech."
    )
    parser.add_argument("--engine", required=True, help="espeak, kokoro, piper, chatterbox, …")
    add_options(parser)
    add_address(parser)
    parser.add_argument(
        "--max-requests", type=int, default=16, help="most requests at a time; more get 429 (default %(default)s)"
    )
    parser.add_argument(
        "--python",
        metavar="PATH",
        default="",
        help="the engine's interpreter; default: that of sidecars/ENGINE/.venv where it was built, else this one",
    )
    parser.add_argument(
        "--spare", action="store_true", help="keep a second engine loaded, in case one must be killed to stop it"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
