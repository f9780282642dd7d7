"""A supervisor's two questions, over real HTTP, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any

import pytest

from phone_daemon import health as module
from phone_daemon.health import Condition, Health, Level, Part, PortInUse


class Daemon:
    """What the server reports on."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.calls = 0
        self.conditions = {"line cards": Condition(), "state": Condition()}

    def parts(self) -> dict[str, Part]:
        return {name: lambda name=name: self.conditions[name] for name in self.conditions}  # type: ignore[misc]


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def health(daemon: Daemon) -> AsyncIterator[Health]:
    async with Health(0, daemon.parts(), lambda: daemon.calls, daemon.draining) as health:
        yield health


async def get(health: Health, path: str, method: str = "GET") -> tuple[int, Any]:
    """Status and body as seen by the standard library's own client."""

    def ask() -> tuple[int, Any]:
        client = HTTPConnection("127.0.0.1", health.port, timeout=5)
        client.request(method, path)
        answer = client.getresponse()
        body = answer.read()
        client.close()
        return answer.status, json.loads(body) if body else None

    return await asyncio.to_thread(ask)


async def send(health: Health, request: bytes) -> bytes:
    """Everything received in answer to these bytes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", health.port)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_it_is_alive_whatever_its_parts_are(daemon: Daemon, health: Health) -> None:
    daemon.conditions["line cards"] = Condition(Level.UNREADY, "none runs")
    assert await get(health, "/healthz") == (200, {"status": "alive"})


async def test_it_is_ready_when_every_part_is(daemon: Daemon, health: Health) -> None:
    daemon.calls = 3
    fine = {"status": "ok", "detail": ""}
    assert await get(health, "/readyz") == (
        200,
        {"status": "ok", "live_calls": 3, "draining": False, "parts": {"line cards": fine, "state": fine}},
    )


async def test_degraded_still_takes_calls_and_says_what_is_missing(daemon: Daemon, health: Health) -> None:
    daemon.conditions["state"] = Condition(Level.DEGRADED, "Redis cannot be reached")
    status, told = await get(health, "/readyz")
    assert (status, told["status"]) == (200, "degraded")
    assert told["parts"]["state"] == {"status": "degraded", "detail": "Redis cannot be reached"}


async def test_the_worst_part_decides(daemon: Daemon, health: Health) -> None:
    daemon.conditions["state"] = Condition(Level.DEGRADED)
    daemon.conditions["line cards"] = Condition(Level.UNREADY, "none runs")
    status, told = await get(health, "/readyz")
    assert (status, told["status"]) == (503, "unready")


async def test_a_daemon_that_drains_wants_no_calls(daemon: Daemon, health: Health) -> None:
    daemon.draining.set()
    status, told = await get(health, "/readyz")
    assert (status, told["status"], told["draining"]) == (503, "unready", True)
    assert (await get(health, "/healthz"))[0] == 200


async def test_a_part_that_cannot_be_asked_is_unready(daemon: Daemon, health: Health) -> None:
    del daemon.conditions["state"]
    status, told = await get(health, "/readyz")
    assert status == 503
    assert told["parts"]["state"] == {"status": "unready", "detail": "could not be asked: KeyError"}


@pytest.mark.parametrize("path", ["/", "/readyz/", "/metrics", "/../etc/passwd", "/healthzz"])
async def test_it_answers_nothing_else(health: Health, path: str) -> None:
    assert (await get(health, path))[0] == 404


async def test_head_is_answered_without_a_body(health: Health) -> None:
    assert await get(health, "/readyz?verbose", "HEAD") == (200, None)


async def test_it_is_for_reading_only(health: Health) -> None:
    answer = await send(health, b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nboom")
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


@pytest.mark.parametrize(
    "request_", [b"\r\n\r\n", b"HELLO\r\n\r\n", b"GET /readyz\r\n\r\n", b"\x16\x03\x01 x y\r\n\r\n"]
)
async def test_what_is_no_http_is_a_bad_request(health: Health, request_: bytes) -> None:
    assert (await send(health, request_)).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_request_without_end_is_not_read_to_its_end(health: Health) -> None:
    answer = await send(health, b"GET /healthz HTTP/1.1\r\n" + b"X-Filler: x\r\n" * 10_000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_client_that_says_nothing_is_let_go(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_S", 0.05)
    assert await send(health, b"GET /healthz HTT") == b""


async def test_more_clients_than_a_supervisor_has_are_turned_away(health: Health) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", health.port) for _ in range(module.MAX_CLIENTS)]
    assert await send(health, b"GET /healthz HTTP/1.1\r\n\r\n") == b""
    for _, writer in idle:
        writer.close()
    async with asyncio.timeout(5):
        while not await send(health, b"GET /healthz HTTP/1.1\r\n\r\n"):
            pass


async def test_a_port_in_use_is_named_with_what_to_do(health: Health, daemon: Daemon) -> None:
    with pytest.raises(PortInUse, match=rf"health port 127.0.0.1:{health.port} is in use: set another health_port"):
        async with Health(health.port, {}, lambda: 0, daemon.draining):
            pass


async def test_it_ends_though_clients_hang_on(daemon: Daemon) -> None:
    async with asyncio.timeout(5):
        async with Health(0, {}, lambda: 0, daemon.draining) as health:
            reader, writer = await asyncio.open_connection("127.0.0.1", health.port)
            await get(health, "/healthz")
        assert await reader.read() == b""
        writer.close()
