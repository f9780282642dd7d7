"""The web process, `python -m phone_daemon.web`. The daemon starts it (`--fd N`, settings on standard input); for a
console of daemons that share a Redis, it is started by hand with a settings file.

It ends when its daemon ends or tells it to. Exit codes: 0 told to end, `EXIT_PORT` the port is taken, 2 wrong settings,
1 anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn

from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.web_checks import BadSecret
from phone_daemon.web import token_file, uvicorn_log
from phone_daemon.web.app import create_app, guarded
from phone_daemon.web.audit import Audit
from phone_daemon.web.auth import Tokens, TokensError
from phone_daemon.web.call_store import CallStore
from phone_daemon.web.deadline import HttpWithDeadline
from phone_daemon.web.desk import Desk
from phone_daemon.web.event_feed import EventFeed
from phone_daemon.web.hand_over import HandOver, make_token
from phone_daemon.web.housekeeping import Housekeeping
from phone_daemon.web.listener import listen
from phone_daemon.web.machine_history import MachineHistory
from phone_daemon.web.web import Web
from phone_daemon.web.webhooks import Webhooks
from sidecars.log import Event, set_up

log = logging.getLogger("phone_daemon.web")

EXIT_PORT = 98
"""Exit code when the port is in use (EADDRINUSE), the same as a line card's."""
MAX_MESSAGE = 65_536
"""The most bytes in a WebSocket message: two seconds of audio at 16 kHz."""
GRACE_S = 1.0


class Server(uvicorn.Server):
    """A server that ends when it is told to, not by signals: whoever started this process decides."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m phone_daemon.web", description="The page and the API, alone.")
    parser.add_argument("--fd", type=int, help="our end of the socket pair to the daemon")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings (TOML)")
    args = parser.parse_args(argv)
    try:
        if args.fd is None:
            return asyncio.run(_alone(args.config))
        return asyncio.run(_beside_a_daemon(args.fd))
    except SettingsError as error:
        sys.stderr.writelines(f"{line}\n" for line in error.lines)
        return 2
    except (TokensError, BadSecret) as error:
        sys.stderr.write(f"ERROR {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"ERROR {error.strerror or error}\n")
        return EXIT_PORT
    except KeyboardInterrupt:
        return 130


async def _beside_a_daemon(fd: int) -> int:
    # Ctrl-C reaches the whole process group, and systemd's SIGTERM the whole unit; the daemon decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    uvicorn_log.set_up()
    told = HandOver.decode(sys.stdin.buffer.read())
    daemon = socket.socket(fileno=fd)
    daemon.setblocking(False)
    daemon.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    await serve(told, daemon)
    return 0


async def _alone(config: Path | None) -> int:
    settings = load_settings(config, os.environ)
    set_up(logging.INFO, as_json=settings.log == "json")
    told = HandOver(settings, token=make_token())
    uvicorn_log.set_up()
    await serve(told, None)
    return 0


async def serve(told: HandOver, daemon: socket.socket | None) -> None:
    """Serves until the daemon is gone, or without a daemon until a signal. Raises `OSError` if the port is taken."""
    settings = told.settings.web
    tokens = Tokens.load(settings.tokens, os.environ, told.token)
    desk = Desk(
        daemon,
        max_calls=settings.max_calls,
        idle_s=settings.idle_s,
        called=settings.called or told.called,
    )
    directory = told.settings.calls.directory
    web = Web(
        told.settings,
        desk,
        tokens,
        Audit(directory),
        CallStore(directory),
        EventFeed(told.settings.state),
        MachineHistory(told.settings.state),
        health_port=told.health_port,
    )
    housekeeping = Housekeeping(web.store, settings)
    webhooks = Webhooks(told.settings.webhook, os.environ, directory, web.metrics)

    def observe(note: Mapping[str, Any]) -> None:
        web.metrics.notes.inc()
        housekeeping.observe(note)
        webhooks.observe(note)

    desk.observe = observe
    if daemon is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, desk.gone.set)
    with listen(settings.bind, settings.port) as listener, contextlib.closing(web.store):
        port = listener.getsockname()[1]
        log.info(Event("web.listening", address=settings.bind, port=port))
        if daemon is None and settings.tokens is None:
            print(f"http://{settings.bind}:{port}/?token={told.token}", flush=True)  # noqa: T201
        server = Server(
            uvicorn.Config(
                guarded(create_app(web), web),
                http=HttpWithDeadline,
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                timeout_graceful_shutdown=round(GRACE_S),
            )
        )
        http = asyncio.create_task(server.serve([listener]))
        clock = asyncio.create_task(desk.run(port))
        background = [
            asyncio.create_task(housekeeping.run(), name="housekeeping"),
            asyncio.create_task(web.machines.run(), name="machines"),
        ]
        if settings.tokens is not None:
            background.append(
                asyncio.create_task(token_file.follow(tokens, settings.tokens, os.environ), name="tokens")
            )
        if daemon is not None:  # Nobody else sends what waits on disk.
            background.append(asyncio.create_task(webhooks.run(), name="webhooks"))
        async with web.feed:
            try:
                await asyncio.wait([http, clock], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (clock, *background):
                    task.cancel()
                await asyncio.gather(clock, *background, return_exceptions=True)
                server.should_exit = True
        await http


if __name__ == "__main__":
    sys.exit(main())
