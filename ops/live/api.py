"""The operator's commands over HTTP, for where Redis cannot be reached: a client of the web process's API under /v1."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol, Self
from urllib.parse import quote

import aiohttp

from ops.live.events import Event, event_of
from phone_daemon.settings.values import is_http
from phone_daemon.state.operator import CommandFailed
from phone_daemon.state.store import CommandKind

TOKEN = "PHONE_TOKEN"
"""The environment variable with the token."""
PATHS = {CommandKind.HANG_UP: "hangup", CommandKind.INTERRUPT: "interrupt"}
CONNECT_S = 5.0
ANSWER_S = 10.0
SILENT_S = 45.0
"""An event stream is never silent for more than 15 s."""
AGAIN_S = 30.0
"""How long to try again after a broken event stream: longer than the web process takes to restart."""
PAUSE_S = 1.0
ANSWER = aiohttp.ClientTimeout(total=ANSWER_S, connect=CONNECT_S)
STREAM = aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_read=SILENT_S)


class Switchboard(Protocol):
    """What an operator can ask about live calls, over either connection. Every method raises `CommandFailed`."""

    async def calls(self) -> dict[str, dict[str, str]]: ...

    async def daemons(self) -> dict[str, dict[str, str]]: ...

    async def order(self, call: str, kind: CommandKind, argument: str = "") -> dict[str, Any]: ...

    def events(self, *, past: bool) -> AsyncIterator[Event]: ...


class ApiOperator:
    """`async with ApiOperator(url) as operator`; `url` is what a browser would use, without a path."""

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        """Raises `CommandFailed`."""
        if not is_http(url):
            raise CommandFailed(f'--api {url}: is not an HTTP address; write one such as "https://phone.example.com"')
        if not (token := environ.get(TOKEN, "")):
            raise CommandFailed(f"{url}: requires a token; set the environment variable {TOKEN}")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def calls(self) -> dict[str, dict[str, str]]:
        calls = await self._list("/v1/calls", "calls")
        return {call["call"]: {name: str(value) for name, value in call.items()} for call in calls}

    async def daemons(self) -> dict[str, dict[str, str]]:
        return {machine["daemon"]: {} for machine in await self._list("/v1/machines", "machines")}

    async def order(self, call: str, kind: CommandKind, argument: str = "") -> dict[str, Any]:
        return await self._ask("POST", f"/v1/calls/{quote(call, safe='')}/{PATHS[kind]}")

    async def events(self, *, past: bool) -> AsyncIterator[Event]:
        """Continues where it was after a broken connection, which it reports on stderr, if the web process is back
        within `AGAIN_S`.
        """
        last = "0-0" if past else ""
        connected, until = False, 0.0
        while True:
            try:
                headers = {"Last-Event-ID": last} if last else {}
                async with asyncio.timeout(ANSWER_S):
                    stream = await self._http.get(f"{self._url}/v1/events", headers=headers, timeout=STREAM)
                async with stream:
                    await self._check(stream, "text/event-stream")
                    connected = True
                    async for line in stream.content:
                        name, _, value = line.decode().rstrip("\n").partition(": ")
                        if name == "id":
                            last = value
                        elif name == "data":
                            told = json.loads(value)
                            yield event_of(last, told["call"], told["kind"], told["at_ns"], told["data"])
                problem = CommandFailed(f"{self._url}: the connection was closed")
            except _NotNow as error:
                problem = error
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = self._failed(error)
            except (ValueError, KeyError, TypeError):
                raise self._stranger("sent no event") from None
            if connected:
                connected, until = False, time.monotonic() + AGAIN_S
                print(f"phone-ops: {problem}; connecting again", file=sys.stderr)
            if time.monotonic() >= until:
                raise problem from None
            await asyncio.sleep(PAUSE_S)

    async def _list(self, path: str, name: str) -> list[dict[str, Any]]:
        found = (await self._ask("GET", path)).get(name)
        if not isinstance(found, list):
            raise self._stranger(f"answered without {name}")
        return found

    async def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            async with self._http.request(method, f"{self._url}{path}", timeout=ANSWER) as answer:
                await self._check(answer, "application/json")
                found = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._failed(error) from None
        except ValueError:
            raise self._stranger("answered something that is not JSON") from None
        if not isinstance(found, dict):
            raise self._stranger("answered something else")
        return found

    async def _check(self, answer: aiohttp.ClientResponse, kind: str) -> None:
        """Raises `CommandFailed` unless the request succeeded and the answer is of the media type `kind`."""
        if answer.ok:
            if answer.content_type != kind:
                raise self._stranger(f"answered {answer.content_type}")
            return
        try:
            detail = (await answer.json())["detail"]
        except (aiohttp.ClientError, ValueError, KeyError, TypeError):
            detail = None
        # "Not Found" is also what any web server answers.
        known = isinstance(detail, str) and detail != HTTPStatus.NOT_FOUND.phrase
        problem = CommandFailed(f"{self._url}: {detail}") if known else self._stranger(f"answered {answer.status}")
        raise _NotNow(str(problem)) if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else problem

    def _failed(self, error: aiohttp.ClientError | TimeoutError) -> CommandFailed:
        match error:
            case aiohttp.ConnectionTimeoutError():
                return CommandFailed(f"{self._url}: no connection within {CONNECT_S:g} s")
            case aiohttp.SocketTimeoutError():
                return CommandFailed(f"{self._url}: silent for {SILENT_S:g} s")
            case TimeoutError():
                return CommandFailed(f"{self._url}: no answer within {ANSWER_S:g} s")
            case aiohttp.ClientConnectorError():
                why = error.strerror or error.os_error
                return CommandFailed(f"{self._url}: no connection ({why}); is the web process running there?")
        return CommandFailed(f"{self._url}: {error}")

    def _stranger(self, what: str) -> CommandFailed:
        return CommandFailed(f"{self._url}: {what}: is this the web process of phone-daemon?")


class _NotNow(CommandFailed):
    """The web process cannot answer now, but may soon."""
