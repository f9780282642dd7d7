"""Rate limits for clients: refused requests cost more, and no client pays for another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from phone_daemon.web.guard import MAX_CLIENTS, REFUSED_COSTS, Pace
from tests.web.served import Served, served, settings_in


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_client_has_a_quarter_of_a_minute_at_once_and_then_its_pace() -> None:
    clock = Clock()
    pace = Pace(120, clock)
    asked = 0
    while not pace.wait_s("a"):
        pace.spend("a")
        asked += 1
    assert asked == 30
    assert pace.wait_s("a") == 0.5 and pace.wait_s("b") == 0
    clock.now += 0.5
    assert pace.wait_s("a") == 0


def test_what_was_refused_is_waited_for_and_not_for_ever() -> None:
    clock = Clock()
    pace = Pace(60, clock)
    for _ in range(1000):
        pace.spend("a", REFUSED_COSTS)
    assert 15 < pace.wait_s("a") < 20
    clock.now += 20
    assert pace.wait_s("a") == 0


def test_clients_without_number_cost_no_memory_without_end() -> None:
    pace = Pace(60)
    for number in range(MAX_CLIENTS + 100):
        pace.spend(str(number))
    assert len(pace._left) == MAX_CLIENTS


@pytest.mark.long
async def test_whoever_guesses_tokens_is_soon_told_to_wait(tmp_path: Path) -> None:
    async with served(settings_in(tmp_path, requests_a_minute=60)) as web, web.client() as client:
        answers = [await client.get("/v1/me", headers={"Authorization": f"Bearer {n}"}) for n in range(10)]
        assert [answer.status_code for answer in answers[:2]] == [401, 401]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert "too many requests; wait " in answers[-1].json()["detail"]


async def test_a_stranger_at_the_same_address_does_not_slow_down_who_has_a_token(tmp_path: Path) -> None:
    """As behind a proxy: guesses there cost nobody else's requests."""
    async with served(settings_in(tmp_path, requests_a_minute=60)) as web:
        async with web.client(Authorization="Bearer guessed-by-somebody") as stranger:
            codes = [(await stranger.get("/v1/me")).status_code for _ in range(5)]
            assert codes[0] == 401 and codes[-1] == 429
        async with web.client("watch") as watcher:
            assert [(await watcher.get("/v1/me")).status_code for _ in range(5)] == [200] * 5


DESK = "https://desk.example.com"
SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """It knows another site, and a STUN server."""
    settings = settings_in(tmp_path_factory.mktemp("web"), origins=(DESK,), ice_servers=("stun:s.example.com:3478",))
    async with served(settings) as running:
        yield running


@SHARED
async def test_a_page_of_a_permitted_site_can_use_the_whole_api(web: Served) -> None:
    """What a browser asks before a request of another site's page, for each method and header; and the answers, errors
    among them, are for that page to read."""
    async with web.client("operate", origin=DESK) as client:
        openapi = (await client.get("/openapi.json")).json()
        methods = {method.upper() for path in openapi["paths"].values() for method in path} - {"OPTIONS"}
        preflight = await client.options("/v1/calls", headers={"access-control-request-method": "GET"})
        assert preflight.status_code == 204
        assert methods <= set(preflight.headers["access-control-allow-methods"].split(", "))
        assert {"authorization", "if-match", "last-event-id"} <= set(
            preflight.headers["access-control-allow-headers"].split(", ")
        )
        servers = await client.options("/v1/webrtc")
        assert "stun:s.example.com" in servers.headers["link"], "not a preflight, but a request of WHIP"
        assert {"link", "location", "etag"} <= set(servers.headers["access-control-expose-headers"].split(", "))
        for answer in (await client.get("/v1/calls/none"), await client.post("/v1/signin", content="x" * 70_000)):
            assert answer.status_code in (404, 413)
            assert answer.headers["access-control-allow-origin"] == DESK
        other = await client.options(
            "/v1/calls", headers={"origin": "https://evil.example", "access-control-request-method": "GET"}
        )
        assert "access-control-allow-origin" not in other.headers


@SHARED
async def test_head_answers_as_get_does_without_a_body(web: Served) -> None:
    async with web.client("watch") as client:
        for path in (
            "/",
            "/healthz",
            "/openapi.json",
            "/v1/me",
            "/v1/calls/none",
            "/v1/calls?state=past",
            "/v1/events",
        ):
            head = await client.head(path)
            async with client.stream("GET", path) as got:
                assert head.status_code == got.status_code, path
                assert head.headers.get("content-type") == got.headers.get("content-type")
                assert head.headers.get("content-length") == got.headers.get("content-length")
            assert not head.content
        assert (await client.head("/v1/signin")).status_code == 405
