"""Serves a speech synthesis engine in OpenAI's dialect, so that any of its clients can use it.

    python -m sidecars.serve.tts --engine NAME [--model PATH] [--option KEY=VALUE] (--port N | --socket PATH)

`POST /v1/audio/speech` streams `pcm` (24 kHz, 16 bit, mono) or `wav` as it is made; `GET /v1/models`,
`GET /v1/audio/voices`, `GET /healthz` (200 once the engine has spoken a first text), `GET /metrics` (Prometheus).
The engine has a process of its own, which may run another Python (`--python`) and is replaced when it dies.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web

from sidecars.environment import interpreter
from sidecars.host.host import Host, HostLost
from sidecars.local.subprocess import SubprocessHost
from sidecars.options import add_options, options_of
from sidecars.serve.systemd import keep_watchdog, notify
from sidecars.serve.tts.server import SpeechServer

WARM_UP = "One, two, three."
LOADING_S = 3600.0
"""An engine may have to fetch its weights first."""
LAST_WORDS_S = 5.0
"""What is being spoken when the server is told to end may go on so long."""

log = logging.getLogger("speech")


async def serve(host: Host, server: SpeechServer, where: str | tuple[str, int]) -> None:
    """Serves on a socket's path, or an address and a port (0: any free one), until SIGTERM or SIGINT.

    Listens before the engine is loaded, so that who waits for it can ask `/healthz`. Raises `OSError` when it cannot
    listen and `HostLost` when the engine cannot be loaded.
    """
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=LAST_WORDS_S)
    await runner.setup()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loading = asyncio.create_task(_load(host, server), name="load the engine")
    stopped = asyncio.create_task(stopping.wait())
    watchdog = asyncio.create_task(keep_watchdog(), name="watchdog")
    try:
        await _listen(runner, where)
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


async def _listen(runner: web.AppRunner, where: str | tuple[str, int]) -> None:
    site: web.BaseSite
    if isinstance(where, str):
        before = os.umask(0o177)  # who may write to the socket may have anything spoken
        try:
            site = web.UnixSite(runner, where)
            await site.start()
        finally:
            os.umask(before)
        log.info("listening on unix://%s", where)
        return
    site = web.TCPSite(runner, *where)
    await site.start()
    address, port = runner.addresses[0][:2]
    log.info("listening on http://%s:%d/v1", f"[{address}]" if ":" in address else address, port)


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
    """Returns the exit status: 1 when it cannot serve, 2 for wrong use."""
    arguments = _arguments().parse_args(given)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        token = _token(arguments.token_env)
    except ValueError as error:
        print(f"speech: {error}", file=sys.stderr)  # noqa: T201
        return 2
    if not token and not arguments.socket and not ip_address(arguments.bind).is_loopback:
        log.warning("anybody who reaches %s can have things spoken: give --token-env", arguments.bind)
    engine = arguments.engine
    python = arguments.python or interpreter(engine)
    host = SubprocessHost(
        "tts", engine, options_of(arguments), python, spare=arguments.spare, start_timeout_s=LOADING_S
    )
    server = SpeechServer(host, engine, token=token, max_requests=arguments.max_requests)
    where = arguments.socket or (arguments.bind, arguments.port)
    try:
        asyncio.run(serve(host, server, where))
    except HostLost as error:
        print(f"speech: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        place = arguments.socket or f"{arguments.bind}:{arguments.port}"
        print(f"speech: cannot listen on {place}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        if arguments.socket and Path(arguments.socket).is_socket():
            Path(arguments.socket).unlink()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sidecars.serve.tts", description="Serves a speech engine as OpenAI's /v1/audio/speech."
    )
    parser.add_argument("--engine", required=True, help="espeak, kokoro, piper, chatterbox, …")
    add_options(parser)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--port", type=int, help="TCP port; 0: any free one, told on standard error")
    place.add_argument("--socket", metavar="PATH", help="a Unix socket, for this user only")
    parser.add_argument("--bind", metavar="ADDRESS", default="127.0.0.1", type=_address, help="default: %(default)s")
    parser.add_argument("--token-env", metavar="NAME", default="", help="environment variable with the bearer token")
    parser.add_argument(
        "--max-requests", type=int, default=16, help="more at once are answered 429; default: %(default)s"
    )
    parser.add_argument(
        "--python",
        metavar="PATH",
        default="",
        help="the engine's interpreter; default: that of sidecars/ENGINE/.venv where it was built, else this one",
    )
    parser.add_argument(
        "--spare", action="store_true", help="keep a second engine loaded, for when one must be killed to be stopped"
    )
    return parser


def _address(text: str) -> str:
    with suppress(ValueError):
        return str(ip_address(text))
    raise argparse.ArgumentTypeError(f"{text!r} is not an IP address")


def _token(name: str) -> str:
    token = os.environ.get(name, "") if name else ""
    if name and not token:
        raise ValueError(f"--token-env {name}: there is no such variable in the environment, or it is empty")
    return token


if __name__ == "__main__":
    sys.exit(main())
