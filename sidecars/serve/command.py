"""The common part of all our servers' command lines: where they listen, who may use them, and how they end."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web


def add_address(parser: argparse.ArgumentParser) -> None:
    """Adds the options for where the server listens, and for whom."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, metavar="N", help="TCP port; 0: any free port, which is printed")
    where.add_argument(
        "--socket", type=Path, metavar="PATH", help="a Unix socket instead, accessible to its owner only"
    )
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="default %(default)s")
    parser.add_argument(
        "--token-env", metavar="NAME", default="", help="environment variable with the token that clients must send"
    )


def token_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """Returns the token that clients must send; empty: none. An address that others can reach needs one (otherwise exit
    code 2).
    """
    name, bind = arguments.token_env, arguments.bind
    token = os.environ.get(name, "") if name else ""
    if name and not token:
        parser.error(f"--token-env {name}: this environment variable is empty or not set")
    try:
        loopback = ip_address(bind).is_loopback
    except ValueError:
        parser.error(f"--bind {bind}: not an IP address")
    if arguments.socket is None and not loopback and not token:
        parser.error(f"--bind {bind}: others can reach this; give clients a token with --token-env NAME")
    return token


async def listen(runner: web.AppRunner, arguments: argparse.Namespace, scheme: str) -> str:
    """Starts listening and returns the address: unix://PATH or SCHEME://ADDRESS:PORT. Raises `OSError` that names the
    address.
    """
    try:
        if arguments.socket is not None:
            before = os.umask(0o177)  # whoever can write to the socket can use the server
            try:
                await web.UnixSite(runner, str(arguments.socket)).start()
            finally:
                os.umask(before)
            return f"unix://{arguments.socket}"
        await web.TCPSite(runner, arguments.bind, arguments.port).start()
    except OSError as error:
        place = arguments.socket or f"{arguments.bind}:{arguments.port}"
        raise OSError(error.errno, f"cannot listen on {place}: {error.strerror or error}") from None
    address, port = runner.addresses[0][:2]
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}"


def unlink_socket(arguments: argparse.Namespace) -> None:
    """Removes the Unix socket, if the server listened on one."""
    if arguments.socket is not None and arguments.socket.is_socket():
        with suppress(OSError):
            arguments.socket.unlink()


def told_to_end() -> asyncio.Event:
    """Returns an event that SIGTERM and SIGINT set from now on."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
