"""The command line of a listen server.

python -m sidecars.serve.stt --engine moonshine --option phrases=@phrases.json --port 8765
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from sidecars import listen_dialect
from sidecars.host.host import HostLost
from sidecars.options import add_options, options_of
from sidecars.resample import Resampler
from sidecars.serve.command import add_address, listen, token_of, told_to_end, unlink_socket
from sidecars.serve.stt.server import IDLE_S, ListenServer
from sidecars.serve.systemd import keep_watchdog, notify

log = logging.getLogger("listen")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sidecars.serve.stt", description="Serve a recognition engine in Deepgram's streaming dialect."
    )
    parser.add_argument("--engine", required=True, help="name of the engine, as in sidecars/engines")
    add_options(parser)
    add_address(parser)
    parser.add_argument(
        "--max-sessions",
        type=int,
        metavar="N",
        help="most sessions at a time (default: as many as the engine can hold)",
    )
    parser.add_argument("--hear", type=_recording, metavar="WAV", help="transcribe this at startup, as a self-test")
    parser.add_argument(
        "--idle",
        type=float,
        default=IDLE_S,
        metavar="S",
        help=f"close a session that sends nothing for S seconds (default {IDLE_S:g})",
    )
    return parser


def _recording(text: str) -> tuple[Path, int, bytes]:
    """Returns the file, its rate in Hz, and its samples."""
    try:
        with wave.open(text, "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise argparse.ArgumentTypeError(f"{text}: expected a WAV file with one channel of 16 bits")
            return Path(text), file.getframerate(), file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise argparse.ArgumentTypeError(f"{text}: cannot be read as a WAV file: {error}") from None


async def _heard(server: ListenServer, recording: tuple[Path, int, bytes]) -> str:
    path, rate, pcm = recording
    resampler = Resampler(rate, server.host.sample_rate)
    try:
        return f"hears “{await server.hear(resampler.feed(pcm) + resampler.flush())}” in {path.name}, and "
    except HostLost as error:
        return f"hears nothing in {path.name} ({error}), and "


async def _serve(server: ListenServer, arguments: argparse.Namespace) -> int:
    stop = told_to_end()
    runner = web.AppRunner(server.app, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    stopping = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(server.start())
    tasks = [starting, stopping]
    try:
        where = await listen(runner, arguments, "ws")
        where += listen_dialect.PATH if arguments.socket is None else ""
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            notify("READY=1")
            tasks.append(asyncio.create_task(keep_watchdog(server.answers)))
            heard = await _heard(server, arguments.hear) if arguments.hear else ""
            # The process that started the server may wait for this line.
            print(f"{arguments.engine} {heard}listens on {where}", flush=True)  # noqa: T201
            ends: set[asyncio.Future[Any]] = {stopping, server.host.lost}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if server.host.lost.done():  # the supervisor restarts the server
                raise HostLost(server.host.lost.result())
    except (HostLost, OSError) as error:
        print(f"sidecars.serve.stt: {getattr(error, 'strerror', None) or error}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()
        await server.close()
        unlink_socket(arguments)
    return 0


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0 told to end, 1 the engine or the address is not available, 2 usage error."""
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.max_sessions is not None and arguments.max_sessions < 1:
        parser.error(f"--max-sessions {arguments.max_sessions}: must be at least 1")
    token = token_of(parser, arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    server = ListenServer(
        arguments.engine, options_of(arguments), token=token, max_sessions=arguments.max_sessions, idle_s=arguments.idle
    )
    return asyncio.run(_serve(server, arguments))


if __name__ == "__main__":
    sys.exit(main())
