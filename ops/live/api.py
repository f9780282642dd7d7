"""The operator's commands over HTTP, for where Redis cannot be reached: a client of the web process's API under /v1."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, Self

import aiohttp

from ops.live.events import Event, event_of
from phone_daemon.settings.values import is_http
from phone_daemon.state.operator import CommandFailed
from phone_daemon.state.store import CommandKind

TOKEN = "PHONE_TOKEN"
"""The environment variable with the token."""
PATHS = {CommandKind.HANG_UP: "hangup", CommandKind.INTERRUPT: "interrupt"}
ANSWER_S = 10.0


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
        calls = (await self._ask("GET", "/v1/calls"))["calls"]
        return {call["call"]: {name: str(value) for name, value in call.items()} for call in calls}

    async def daemons(self) -> dict[str, dict[str, str]]:
        return {machine["daemon"]: {} for machine in (await self._ask("GET", "/v1/machines"))["machines"]}

    async def order(self, call: str, kind: CommandKind, argument: str = "") -> dict[str, Any]:
        return await self._ask("POST", f"/v1/calls/{call}/{PATHS[kind]}")

    async def events(self, *, past: bool) -> AsyncIterator[Event]:
        """Resumes where it was when the connection breaks."""
        last = "0-0" if past else ""
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            try:
                async with self._http.get(
                    f"{self._url}/v1/events",
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=None, connect=ANSWER_S),
                ) as stream:
                    await self._check(stream)
                    async for line in stream.content:
                        name, _, value = line.decode().rstrip("\n").partition(": ")
                        if name == "id":
                            last = value
                        elif name == "data":
                            told = json.loads(value)
                            yield event_of(last, told["call"], told["kind"], told["at_ns"], told["data"])
            except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError):
                continue
            except aiohttp.ClientConnectorError as error:
                raise CommandFailed(self._unreachable(error)) from None
            except aiohttp.ClientError as error:
                raise CommandFailed(f"{self._url}: {error}") from None

    async def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_S)
            async with self._http.request(method, f"{self._url}{path}", timeout=timeout) as answer:
                await self._check(answer)
                found: dict[str, Any] = await answer.json()
                return found
        except TimeoutError:
            raise CommandFailed(f"{self._url}: no answer within {ANSWER_S:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise CommandFailed(self._unreachable(error)) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise CommandFailed(f"{self._url}: {error}") from None

    def _unreachable(self, error: aiohttp.ClientConnectorError) -> str:
        return f"{self._url}: no connection ({error.strerror or error.os_error}); is the web process running there?"

    async def _check(self, answer: aiohttp.ClientResponse) -> None:
        if not answer.ok:
            try:
                why = str((await answer.json())["detail"])
            except (aiohttp.ClientError, ValueError, KeyError, TypeError):
                why = f"answered {answer.status}: is this the web process of phone-daemon?"
            raise CommandFailed(f"{self._url}: {why}")
