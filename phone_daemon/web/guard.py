"""Checks every request's host name, origin, rate, and size, and adds the headers that every answer carries. This is
plain ASGI, so that streams remain streams.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"microphone=(self), camera=(), geolocation=()"),
)
MAX_BODY = 64 * 1024
"""The most bytes in a request; a browser's SDP has about 3,000."""
TOO_LARGE = f"a request has {MAX_BODY} bytes at most"
BODY_S = 10.0
"""A request that is not complete by then is abandoned."""
MAX_CLIENTS = 10_000
"""The most clients whose rate is remembered; those that came longest ago are forgotten first."""
REFUSED_COSTS = 10
"""How many requests a refused one counts as, so that guessing tokens is slow."""
SAFE = ("GET", "HEAD", "OPTIONS")


class Pace:
    """A token bucket for each client (after RFC 2697): `a_minute` requests, a quarter of which may come at once."""

    def __init__(self, a_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = a_minute / 60
        self._most = max(a_minute / 4, 10.0)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """How long the client must wait before any of its requests is answered; 0: not at all."""
        left, _ = self._now(client)
        return 0.0 if left >= 1 else (1 - left) / self._rate

    def spend(self, client: str, cost: float = 1.0) -> None:
        left, now = self._now(client)
        self._left[client] = (max(left - cost, -self._most), now)
        self._left.move_to_end(client)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)

    def _now(self, client: str) -> tuple[float, float]:
        now = self._clock()
        left, then = self._left.get(client, (self._most, now))
        return min(left + (now - then) * self._rate, self._most), now


class Guard:
    """ASGI middleware. `hosts`: accepted names besides this machine's addresses; `origins`: other sites that are
    allowed; `owner`: whose valid token a request has, or empty. Whoever has one is a client of their own; all others
    behind one proxy are a client together.
    """

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str], pace: Pace, owner: Callable[[Scope], str]
    ) -> None:
        self._app = app
        self._owner = owner
        self._hosts = {host.lower() for host in hosts} | {"localhost"}
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        owner = self._owner(scope)
        client = f"token of {owner}" if owner else (scope.get("client") or ("", 0))[0]
        origin = headers.get("origin", "")
        allowed = origin if origin.rstrip("/").lower() in self._origins else ""
        cors = _cors(allowed) if allowed else ()
        status, why = self._judge(scope, headers, origin, allowed)
        if not status and (wait := self._pace.wait_s(client)):
            status, why = 429, f"too many requests; wait {math.ceil(wait)} s"
        if status:
            await _refuse(scope, receive, send, status, why, cors)
            return
        self._pace.spend(client)
        # A preflight says which method it asks about; other OPTIONS are requests of their own (WHIP).
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _refuse(scope, receive, send, 204, "", cors)
            return
        if scope["type"] == "http" and scope["method"] not in SAFE:
            try:
                async with asyncio.timeout(BODY_S):
                    receive = await _whole(receive)
            except (TimeoutError, _TooLarge) as error:
                status, why = (408, "the request did not end") if isinstance(error, TimeoutError) else (413, TOO_LARGE)
                await _refuse(scope, receive, send, status, why, cors)
                return

        async def answer(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message.get("headers", ()), *HEADERS, *cors]
                if message["status"] in (401, 403):
                    self._pace.spend(client, REFUSED_COSTS - 1)
            await send(message)

        if scope["type"] == "http" and scope["method"] == "HEAD":
            await _head(self._app, scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _judge(self, scope: Scope, headers: dict[str, str], origin: str, allowed: str) -> tuple[int, str]:
        host = headers.get("host", "")
        if not self._is_ours(host):
            # A name that somebody else points at this machine (DNS rebinding) is treated like another site.
            return 421, "this server is not known by that name; [web] hosts lists its names"
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        if unsafe and origin and not allowed and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "from another site; [web] origins lists those that may"
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > MAX_BODY:
            return 413, TOO_LARGE
        return 0, ""

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._hosts if host else False
        return True


class _TooLarge(Exception):
    pass


async def _whole(receive: Receive) -> Receive:
    """Returns `receive` with the whole body as its first message. Raises `_TooLarge`."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _TooLarge
        if not message.get("more_body"):
            break
    first: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def again() -> Message:
        nonlocal first
        message, first = first, None
        return await receive() if message is None else message

    return again


async def _head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers HEAD as GET without the body, also where that has no end (RFC 9110 section 9.3.2)."""
    sent = asyncio.Event()

    async def only_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body"})
            sent.set()

    answering = asyncio.ensure_future(app({**scope, "method": "GET"}, receive, only_head))
    waiting = asyncio.ensure_future(sent.wait())
    try:
        await asyncio.wait((answering, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        answering.cancel()
        waiting.cancel()
        (failed, _) = await asyncio.gather(answering, waiting, return_exceptions=True)
    if isinstance(failed, Exception) and not sent.is_set():
        raise failed


def _cors(origin: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, if-match, last-event-id"),
        (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
        (b"access-control-expose-headers", b"content-range, etag, link, location, retry-after"),
        (b"access-control-max-age", b"600"),
        (b"vary", b"origin"),
    )


async def _refuse(  # noqa: PLR0917
    scope: Scope, receive: Receive, send: Send, status: int, why: str, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Sends a complete answer in the format of the API's own errors."""
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": why})
            return
    prefix = "http" if scope["type"] == "http" else "websocket.http"
    body = json.dumps({"detail": why}).encode() if why else b""
    retry = [(b"retry-after", why.split()[-2].encode())] if status == 429 else []
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{prefix}.response.start", "status": status, "headers": [*fixed, *retry, *HEADERS, *headers]})
    await send({"type": f"{prefix}.response.body", "body": body})
