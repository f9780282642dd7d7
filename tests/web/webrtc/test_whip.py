"""WHIP over HTTP: what a client learns, what it may do, and what happens after mistakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import FastAPI

from ops.witness.browser import browser
from phone_daemon.events import LineClosed
from phone_daemon.settings.web import WebSettings
from phone_daemon.web.auth import Role, Tokens, Who
from phone_daemon.web.desk import Desk
from phone_daemon.web.webrtc.offer import MAX_CANDIDATES
from phone_daemon.web.webrtc.whip import PATH, router
from tests.web.webrtc.test_offer import CHROMIUM
from tests.web.webrtc.test_peer import a_desk

SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
OPERATOR, WATCHER = "token-of-an-operator", "token-of-a-watcher"


@asynccontextmanager
async def client(desk: Desk, *servers: str, token: str = OPERATOR) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that talks to the routes themselves."""
    app = FastAPI()
    tokens = Tokens({OPERATOR: Who("ann", Role.OPERATE), WATCHER: Who("bob", Role.WATCH)})
    app.state.web = SimpleNamespace(tokens=tokens)
    app.include_router(router(desk, WebSettings(ice_servers=servers)))
    transport = httpx2.ASGITransport(app=app)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(transport=transport, base_url="http://web", headers=headers) as here:
        yield here


async def test_an_offer_is_answered_and_hung_up_again() -> None:
    """201 with the answer, the call's location, and its ICE session; DELETE ends it for good."""
    async with a_desk() as (desk, daemon), client(desk) as http, browser() as here:
        answer = await http.post(PATH, params={"to": "100"}, content=await here.offer(), headers=SDP)
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/sdp")
        call = answer.headers["location"]
        assert call.startswith(f"{PATH}/") and answer.headers["etag"]
        await here.answered(answer.text)
        await daemon.until(lambda: daemon.number > 0)
        assert (await http.delete(call)).status_code == 200
        await daemon.until(lambda: any(isinstance(message, LineClosed) for message in daemon.told))
        assert (await http.delete(call)).status_code == 200
        assert (await http.patch(call, content="", headers=FRAGMENT)).status_code == 404


async def test_candidates_may_come_later() -> None:
    """An offer without any candidates; they follow by PATCH, and the call is established."""
    async with a_desk() as (desk, daemon), client(desk) as http, browser() as here:
        offer = await here.offer()
        bare = "".join(line for line in offer.splitlines(keepends=True) if "candidate" not in line)
        answer = await http.post(PATH, content=bare, headers=SDP)
        candidates = [line for line in offer.splitlines() if line.startswith("a=candidate:")]
        fragment = "\r\n".join(["m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *candidates, "a=end-of-candidates", ""])
        headers = {"content-type": "application/trickle-ice-sdpfrag", "if-match": answer.headers["etag"]}
        trickled = await http.patch(answer.headers["location"], content=fragment, headers=headers)
        assert trickled.status_code == 204
        await here.answered(answer.text)
        await daemon.until(lambda: daemon.number > 0)
        wrong = await http.patch(
            answer.headers["location"], content=fragment, headers=FRAGMENT | {"if-match": '"another"'}
        )
        assert wrong.status_code == 412
        await http.delete(answer.headers["location"])


async def test_the_servers_for_ice_are_told_before_the_offer() -> None:
    async with client(Desk(None, max_calls=1, idle_s=30.0), "stun:s.example:3478", "turn:u:p@t.example:3478") as http:
        answer = await http.options(PATH)
        assert answer.status_code == 204
        assert [link.partition(";")[0] for link in answer.headers.get_list("link")] == [
            "<stun:s.example:3478>",
            "<turn:t.example:3478>",
        ]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{}", {"content-type": "application/json"}, 415),
        ("nothing like SDP", SDP, 400),
        (CHROMIUM.replace("m=application", "m=video"), SDP, 422),
        ("v=0\r\n" + "a=x:yyyyyyyyyyyyyyyy\r\n" * 50_000, SDP, 413),
    ],
)
async def test_what_is_no_call_is_refused_with_one_line(body: str, headers: dict[str, str], status: int) -> None:
    async with client(Desk(None, max_calls=1, idle_s=30.0)) as http:
        answer = await http.post(PATH, content=body, headers=headers)
        assert answer.status_code == status
        assert "\n" not in answer.json()["detail"] and len(answer.text) < 250


@pytest.mark.parametrize(("token", "status"), [("", 401), ("guessed-by-somebody", 401), (WATCHER, 403)])
async def test_who_may_not_operate_may_not_call(token: str, status: int) -> None:
    async with client(Desk(None, max_calls=1, idle_s=30.0), token=token) as http:
        assert (await http.post(PATH, content=CHROMIUM, headers=SDP)).status_code == status


async def test_a_candidate_that_is_none_is_refused_and_the_call_goes_on() -> None:
    async with a_desk() as (desk, daemon), client(desk) as http, browser() as here:
        answer = await http.post(PATH, content=await here.offer(), headers=SDP)
        junk = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:junk\r\n"
        refused = await http.patch(answer.headers["location"], content=junk, headers=FRAGMENT)
        assert refused.status_code == 400 and "candidate" in refused.text
        await here.answered(answer.text)
        await daemon.until(lambda: daemon.number > 0)
        await http.delete(answer.headers["location"])


async def test_thousands_of_candidates_are_refused_however_they_are_sent() -> None:
    """A few fragments at a time, each of which would be taken; the call that is already there goes on."""
    fragment = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + "".join(
        f"a=candidate:{number} 1 udp 1 127.0.0.1 9 typ host\r\n" for number in range(MAX_CANDIDATES)
    )
    async with a_desk() as (desk, daemon), client(desk) as http, browser() as here:
        answer = await http.post(PATH, content=await here.offer(), headers=SDP)
        codes = [
            (await http.patch(answer.headers["location"], content=fragment, headers=FRAGMENT)).status_code
            for _ in range(10)
        ]
        assert codes[0] == 204 and set(codes[3:]) == {422}
        await here.answered(answer.text)
        await daemon.until(lambda: daemon.number > 0)
        await http.delete(answer.headers["location"])


@pytest.mark.parametrize("mid", ["a=mid:0\r\n", "a=mid:1\r\n", "a=mid:other\r\n", ""])
async def test_candidates_reach_the_one_connection_whatever_media_they_name(mid: str) -> None:
    """All media are bundled, and browsers differ in what they call them in a fragment."""
    async with a_desk() as (desk, daemon), client(desk) as http, browser() as here:
        offer = await here.offer()
        bare = "".join(line for line in offer.splitlines(keepends=True) if "candidate" not in line)
        answer = await http.post(PATH, content=bare, headers=SDP)
        found = [f"{line}\r\n" for line in offer.splitlines() if line.startswith("a=candidate:")]
        tags = {"if-match": f'"older", {answer.headers["etag"]}'}
        trickled = await http.patch(answer.headers["location"], content=mid + "".join(found), headers=FRAGMENT | tags)
        assert trickled.status_code == 204
        await here.answered(answer.text)
        await daemon.until(lambda: daemon.number > 0)
        await http.delete(answer.headers["location"])


async def test_what_is_no_fragment_of_this_session_is_named_and_the_call_goes_on() -> None:
    """Of another type, or an ICE restart (RFC 9725 section 4.3), which would end the media of a client that believed it
    had been accepted."""
    async with a_desk() as (desk, daemon), client(desk) as http, browser() as here:
        answer = await http.post(PATH, content=await here.offer(), headers=SDP)
        call = answer.headers["location"]
        wrong = await http.patch(call, content="{}", headers={"content-type": "application/json"})
        assert (wrong.status_code, wrong.headers["accept-patch"]) == (415, FRAGMENT["content-type"])
        new = "a=ice-ufrag:brandnew\r\na=ice-pwd:0123456789abcdef01234567\r\na=mid:0\r\n"
        for headers in (FRAGMENT, FRAGMENT | {"if-match": "*"}):
            restart = await http.patch(call, content=new, headers=headers)
            assert restart.status_code == 422 and "ICE restart" in restart.json()["detail"]
        await here.answered(answer.text)
        await daemon.until(lambda: daemon.number > 0)
        await http.delete(call)
