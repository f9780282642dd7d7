"""Queries Kamailio over its JSON-RPC socket (module jsonrpcs) and rtpengine over its NG protocol, both by datagrams."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from pathlib import Path
from typing import Any

ANSWER_S = 2.0
MAX_BYTES = 1 << 20


class NoAnswer(Exception):
    """Kamailio is not running, does not answer, or refuses: one line."""


async def call(control: Path, method: str, *params: str | int) -> Any:
    """The result of an RPC command. Raises `NoAnswer`."""
    mine = control.with_name(f"rpc-{secrets.token_hex(4)}.sock")
    loop = asyncio.get_running_loop()
    asked = {"jsonrpc": "2.0", "method": method, "params": list(params), "id": 1}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MAX_BYTES)
            end.bind(str(mine))
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_connect(end, str(control))
                await loop.sock_sendall(end, json.dumps(asked).encode())
                answer = json.loads(await loop.sock_recv(end, MAX_BYTES))
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoAnswer(f"no edge is running with its files in {control.parent}; phone-ops edge start runs it") from None
    except (OSError, TimeoutError, ValueError) as error:
        raise NoAnswer(f"kamailio does not answer on {control}: {error or type(error).__name__}") from None
    finally:
        mine.unlink(missing_ok=True)
    if "error" in answer:
        raise NoAnswer(f"{method}: {answer['error'].get('message', answer['error'])}")
    return answer["result"]


async def listens(port: int) -> bool:
    """Whether a program takes TCP connections on this port of loopback."""
    try:
        async with asyncio.timeout(0.2):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def media_answers(port: int) -> bool:
    """Whether rtpengine answers a ping (NG protocol: a cookie and a bencoded dictionary) on loopback, within 0.2 s."""
    loop = asyncio.get_running_loop()
    cookie = secrets.token_hex(4).encode()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            async with asyncio.timeout(0.2):
                await loop.sock_connect(end, ("127.0.0.1", port))
                await loop.sock_sendall(end, cookie + b" d7:command4:pinge")
                return (await loop.sock_recv(end, 1500)) == cookie + b" d6:result4:ponge"
    except (OSError, TimeoutError):
        return False
