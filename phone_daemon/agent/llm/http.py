"""The HTTP client that all agents of a daemon share: connections are kept warm, and no answer can fill the memory."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import httpx2 as httpx

# They log addresses with their queries, and at DEBUG level entire requests, which would put what callers said in the
# log.
for _name in ("httpx2", "httpcore2", "openai"):
    logging.getLogger(_name).setLevel(logging.WARNING)

MAX_LINE = 1 << 20
"""Most bytes in a line; a token of a stream takes a few hundred."""
KEEP_S = 120.0
"""How long an idle connection is kept: callers think longer than most clients expect."""


def make_client() -> httpx.AsyncClient:
    """A client without retries, redirects, or proxies; its caller sets the time limits."""
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=64, keepalive_expiry=KEEP_S)
    return httpx.AsyncClient(transport=_Transport(limits=limits), timeout=None)


class _Transport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Bounded(response.stream)
        return response


class _Bounded(httpx.AsyncByteStream):
    """A body that ends with an error if one of its lines is too long."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for piece in self._stream:
            length = len(piece) - end - 1 if (end := piece.rfind(b"\n")) >= 0 else length + len(piece)
            if length > MAX_LINE:
                raise httpx.RemoteProtocolError(f"a line of more than {MAX_LINE} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
