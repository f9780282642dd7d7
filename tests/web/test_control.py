"""`/v1` with a real web process, a real Redis, and the daemon's own end; the test answers in place of a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from phone_daemon.events import Frame
from phone_daemon.media.recorder import Recorder
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.store import State
from tests.web.served import ENVIRON, Served, served, settings_in
from tests.web.switchboard import Switchboard
from tests.web.test_call_store import leave, turn
from tests.wire.calls import strength, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAST = "20260101T100000.000000Z-aaaa"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Served, Switchboard]]:
    folder = tmp_path_factory.mktemp("web")
    state_settings = StateSettings(directory=folder)
    leave(folder / "calls", PAST, [turn("I'd like <script>alert(1)</script>", "On which day?")], caller="anna")
    settings = replace(settings_in(folder), state=state_settings)
    async with State.open(state_settings) as state, served(settings, ENVIRON) as web:
        board = Switchboard(state)
        state.register("live-1", {"caller": '"><img src=x>', "called": "4711", "dialplan": "clinic"})
        obeying = asyncio.create_task(board.obey("live-1"))
        dialing = asyncio.create_task(board.dial())
        async with asyncio.timeout(10), web.client("watch") as client:
            while not (await client.get("/v1/calls")).json().get("calls"):  # noqa: ASYNC110 (Redis has none)
                await asyncio.sleep(0.05)
        yield web, board
        state.unregister("live-1", "over")
        await obeying
        dialing.cancel()


@pytest.fixture
def web(everything: tuple[Served, Switchboard]) -> Served:
    return everything[0]


@pytest.fixture
def board(everything: tuple[Served, Switchboard]) -> Switchboard:
    return everything[1]


async def test_live_calls_are_listed_as_they_are(web: Served) -> None:
    async with web.client("watch") as client:
        answer = await client.get("/v1/calls")
        (call,) = answer.json()["calls"]
        assert (call["call"], call["caller"], call["called"]) == ("live-1", '"><img src=x>', "4711")
        # Anything that a browser might mistake for a page of its own.
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-encoding"] == "gzip"
        plain = await client.get("/v1/calls", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.json()["calls"][0]["call"] == "live-1"
        one = (await client.get("/v1/calls/live-1")).json()
        assert one["call"]["live"] and one["turns"] == []


async def test_past_calls_are_found_and_told_whole(web: Served) -> None:
    async with web.client("watch") as client:
        found = (await client.get("/v1/calls", params={"state": "past", "q": "alert"})).json()
        assert [call["call"] for call in found["calls"]] == [PAST] and not found["more"]
        assert found["calls"][0]["snippet"] == "I'd like <script>alert(1)</script>"
        one = (await client.get(f"/v1/calls/{PAST}")).json()
        assert one["call"]["caller"] == "anna" and not one["call"]["live"]
        assert one["turns"][0]["heard"] == "On which day?"
        assert (await client.get("/v1/calls/none")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "asked", "told"),
    [
        ("say", {"text": "Good day."}, ("say", "Good day."), {"said": "Good day."}),
        (
            "interrupt",
            None,
            ("interrupt", ""),
            {"reply": 3, "legs_ms": {"rtp_silent": 20.0, "total": 21.5}, "missed": []},
        ),
        ("dtmf", {"digits": "12#A"}, ("dtmf", "12#A"), {"sent": "12#A"}),
        ("hold", {}, ("hold", "on"), {"held": True}),
        ("hold", {"held": False}, ("hold", "off"), {"held": False}),
        (
            "transfer",
            {"to": "sip:desk@192.0.2.1"},
            ("transfer", "sip:desk@192.0.2.1"),
            {"transferring": "sip:desk@192.0.2.1"},
        ),
        ("hangup", None, ("hang_up", ""), {"hung_up": True}),
    ],
)
async def test_a_command_reaches_the_call(
    web: Served, board: Switchboard, path: str, body: Any, asked: tuple[str, str], told: dict[str, object]
) -> None:
    async with web.client("operate") as client:
        answer = await client.post(f"/v1/calls/live-1/{path}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == told
    assert board.asked[-1] == asked
    line = json.loads((web.settings.calls.directory / "audit.jsonl").read_text().splitlines()[-1])
    assert (line["who"], line["what"], line["call"], line["outcome"]) == ("operate-2", asked[0], "live-1", "done")
    assert "Good day" not in str(line)


async def test_what_a_call_cannot_do_is_told(web: Served) -> None:
    async with web.client("operate") as client:
        answer = await client.post("/v1/calls/live-1/say", json={"text": "busy"})
        assert (answer.status_code, answer.json()) == (409, {"detail": "the call cannot speak now"})
        answer = await client.post("/v1/calls/gone/say", json={"text": "x"})
        assert (answer.status_code, answer.json()) == (404, {"detail": "call gone is not live"})


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1767225600", "soon"])
async def test_a_time_that_is_none_is_refused_in_one_line(web: Served, since: str) -> None:
    async with web.client("watch") as client:
        answer = await client.get("/v1/calls", params={"state": "past", "since": since})
    assert answer.status_code == 422
    assert "since" in answer.json()["detail"] and "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("say", {}),
        ("say", {"text": ""}),
        ("say", {"text": "x" * 3000}),
        ("say", {"text": "x", "voice": "y"}),
        ("say", "not an object"),
        ("dtmf", {"digits": "call me"}),
        ("transfer", {"to": "http://example.com"}),
        ("transfer", {"to": "sip:a@b\r\nX: y"}),
    ],
)
async def test_a_wrong_command_reaches_nobody(web: Served, board: Switchboard, path: str, body: Any) -> None:
    before = len(board.asked)
    async with web.client("operate") as client:
        answer = await client.post(f"/v1/calls/live-1/{path}", json=body)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str) and "\n" not in answer.json()["detail"]
    assert len(board.asked) == before


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("", "GET", "/v1/calls", 401),
        ("", "GET", "/v1/events", 401),
        ("", "GET", f"/v1/recordings/{PAST}", 401),
        ("", "POST", "/v1/calls/live-1/hangup", 401),
        ("watch", "GET", "/v1/me", 200),
        ("watch", "POST", "/v1/calls/live-1/hangup", 403),
        ("operate", "DELETE", f"/v1/calls/{PAST}", 403),
    ],
)
async def test_each_role_may_do_its_own(web: Served, role: str, method: str, path: str, status: int) -> None:
    async with web.client(role) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_recording_is_served_in_parts_and_to_the_log(web: Served) -> None:
    whole = (web.settings.calls.directory / PAST / "call.wav").read_bytes()
    async with web.client("watch") as client:
        answer = await client.get(f"/v1/recordings/{PAST}")
        assert answer.content == whole and answer.headers["content-type"] == "audio/wav"
        part = await client.get(f"/v1/recordings/{PAST}", headers={"Range": "bytes=4-9"})
        assert (part.status_code, part.content) == (206, whole[4:10])
        for ignored in ("items=0-3", "bytes=", "bytes=x-3", "bytes=-"):
            part = await client.get(f"/v1/recordings/{PAST}", headers={"Range": ignored})
            assert (part.status_code, part.content) == (200, whole), ignored
        head = await client.head(f"/v1/recordings/{PAST}")
        assert (head.headers["content-length"], head.headers["accept-ranges"]) == (str(len(whole)), "bytes")
    assert '"recording"' in (web.settings.calls.directory / "audit.jsonl").read_text()


@pytest.mark.parametrize(
    "name", ["..", "../audit.jsonl", "..%2f..%2fetc%2fpasswd", "%2e%2e", ".", "%00", f"{PAST}/../../x", "calls.db"]
)
async def test_no_path_leads_out_of_the_recordings(web: Served, name: str) -> None:
    async with web.client("watch") as client:
        request = client.build_request("GET", "/v1/recordings/x")
        request.url = request.url.copy_with(raw_path=f"/v1/recordings/{name}".encode())
        answer = await client.send(request)
    assert answer.status_code in (404, 422)


async def read(client: Any, last: str = "", count: int = 1, **params: str) -> list[dict[str, Any]]:
    """The next events of the stream."""
    found: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    headers = {"Last-Event-ID": last} if last else {}
    async with asyncio.timeout(10), client.stream("GET", "/v1/events", headers=headers, params=params) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            key, _, value = line.partition(": ")
            if key in ("id", "event", "data"):
                event[key] = json.loads(value) if key == "data" else value
            elif not line and event:
                found.append(event)
                event = {}
                if len(found) == count:
                    return found
    return found


async def test_events_come_live_and_a_client_that_comes_back_misses_none(web: Served, board: Switchboard) -> None:
    async with web.client("watch") as client:
        reading = asyncio.create_task(read(client, call="live-1"))
        while not reading.done():
            board.note("other", "digit", digit="1")
            board.note("live-1", "final", text="</script>\nevent: evil")
            await asyncio.sleep(0.1)
        (event,) = reading.result()
        assert (event["event"], event["data"]["call"]) == ("final", "live-1")
        assert event["data"]["data"]["text"] == "</script>\nevent: evil"
        for number in range(30):
            board.note("live-1", "turn", number=number)
        later = await read(client, event["id"], 30, call="live-1")
        # Earlier notes that were not read come first.
        later += await read(client, later[-1]["id"], len(later), call="live-1") if len(later) < 30 else []
        numbers = [each["data"]["data"]["number"] for each in later if each["event"] == "turn"]
        assert numbers == list(range(len(numbers))) and numbers
        assert len({each["id"] for each in later}) == len(later)
        assert (await client.get("/v1/events", headers={"Last-Event-ID": "x"})).status_code == 422


async def test_a_reader_that_takes_nothing_delays_no_other(web: Served, board: Switchboard) -> None:
    async with web.client("watch") as slow, web.client("watch") as quick, slow.stream("GET", "/v1/events"):
        reading = asyncio.create_task(read(quick, count=20, call="live-1"))
        while not reading.done():
            board.note("live-1", "partial", text="x" * 2000)
            await asyncio.sleep(0.02)
        assert len(reading.result()) == 20


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Forwarded-Host": "evil.example"}, 200),
    ],
)
async def test_a_request_that_is_not_ours_is_turned_away(web: Served, headers: dict[str, str], status: int) -> None:
    async with web.client("operate", **headers) as client:
        answer = await client.post("/v1/calls/live-1/interrupt", content=b"x" * 10)
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_body_without_an_end_is_cut_off(web: Served) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b'{"text": "' + b"x" * 10_000

    async with web.client("operate") as client:
        answer = await client.post("/v1/calls/live-1/say", content=endless())
        assert answer.status_code == 413
        answer = await client.post("/v1/calls/live-1/say", content=b"x" * 100_000)
        assert (answer.status_code, answer.json()) == (413, {"detail": "a request has 65536 bytes at most"})


async def test_json_that_is_not_called_json_is_told_what_is_missing(web: Served) -> None:
    async with web.client("operate", **{"content-type": "application/x-www-form-urlencoded"}) as client:
        answer = await client.post("/v1/calls/live-1/say", content=b'{"text": "hello"}')
        assert answer.status_code == 422 and "Content-Type: application/json" in answer.json()["detail"]


async def test_a_link_signs_a_browser_in_and_out(web: Served) -> None:
    from tests.web.served import TOKENS  # noqa: PLC0415

    async with web.client() as client:
        assert (await client.get("/?token=wrong")).status_code == 401
        answer = await client.get(f"/?token={TOKENS['operate']}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert (await client.get("/v1/me")).json() == {"name": "operate-2", "role": "operate", "expires": None}
        await client.post("/v1/signout")
        assert (await client.get("/v1/me")).status_code == 401
        assert (await client.post("/v1/signin", json={"token": "wrong"})).status_code == 401
        assert (await client.post("/v1/signin", json={"token": TOKENS["watch"]})).status_code == 204
        assert (await client.get("/v1/me")).json()["role"] == "watch"
        elsewhere = {"Origin": "https://evil.example"}
        signed = await client.post("/v1/signin", json={"token": TOKENS["admin"]}, headers=elsewhere)
        assert (signed.status_code, "set-cookie" in signed.headers) == (403, False)


async def test_what_an_administrator_removes_is_gone(web: Served) -> None:
    name = "20260102T100000.000000Z-bbbb"
    leave(web.settings.calls.directory, name, [turn("one", "two")])
    async with web.client("admin") as client:
        assert (await client.delete(f"/v1/calls/{name}")).status_code == 204
        assert (await client.get(f"/v1/calls/{name}")).status_code == 404
        assert (await client.delete(f"/v1/calls/{name}")).status_code == 404


async def test_health_and_figures_need_no_token(web: Served) -> None:
    async with web.client() as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).status_code == 503
        assert "phone_web_calls_live 0.0" in (await client.get("/metrics")).text


async def test_a_live_call_is_listened_in_on_until_it_ends(web: Served) -> None:
    name = "20260103T100000.000000Z-cccc"
    leave(web.settings.calls.directory, name, [], reason="")
    folder = web.settings.calls.directory / name
    recorder = Recorder(folder / "call.wav")

    def second(number: int) -> None:
        for at in range(0, 8000, 160):
            recorder.add(Frame(number * 8000 + at, tone(300, 0.02), tone(1000, 0.02), 1, 0, 0))

    for number in range(3):
        second(number)
    async with web.client("watch") as watcher, web.client("operate") as client:
        assert (await watcher.get(f"/v1/calls/{name}/audio")).status_code == 403
        assert (await client.get(f"/v1/calls/{PAST}/audio")).status_code == 404
        heard = b""
        async with asyncio.timeout(20), client.stream("GET", f"/v1/calls/{name}/audio") as stream:
            number = 3
            async for piece in stream.aiter_bytes():
                heard += piece
                if len(heard) >= 44 + (number - 2) * 32_000 and number < 6:
                    second(number)
                    number += 1
                    if number == 6:
                        recorder.close()
                        about = json.loads((folder / "call.json").read_text())
                        (folder / "call.json").write_text(json.dumps(about | {"reason": "caller_hung_up"}))
    assert heard[:4] == b"RIFF" and len(heard) == 44 + 4 * 32_000
    both = np.frombuffer(heard[44:], "<i2").reshape(-1, 2)
    assert strength(both[:, 0].tobytes(), 300) > 1000 and strength(both[:, 1].tobytes(), 1000) > 1000


async def test_an_administrator_has_somebody_called(web: Served, board: Switchboard) -> None:
    body = {"number": "+44 20 7946 0001", "dialplan": "reminder", "values": {"name": "Ada"}, "retries": 1}
    async with web.client("operate") as operator, web.client("admin") as client:
        assert (await operator.post("/v1/calls", json=body)).status_code == 403
        answer = await client.post("/v1/calls", json=body)
        told = answer.json()
        assert (answer.status_code, told["result"], told["call"]) == (200, "answered", "new-1")
        assert board.asked[-1] == ("dial", "+44 20 7946 0001")
        placed = len(board.asked)
        for _ in range(2):
            answer = await client.post("/v1/calls", json=body, headers={"Idempotency-Key": "order-7"})
            assert answer.json()["call"] == "new-1" and len(board.asked) == placed + 1
        other = await client.post("/v1/calls", json=body | {"number": "112"}, headers={"Idempotency-Key": "order-7"})
        assert other.status_code == 422
        answer = await client.post("/v1/calls", json=body | {"dialplan": "none"})
        assert (answer.status_code, answer.json()) == (409, {"detail": "there is no dialplan of that name"})
        for wrong in ({"number": "sip:a@b"}, {"values": {"a b": "c"}}, {"retries": 21}, {"price": 1}):
            assert (await client.post("/v1/calls", json=body | wrong)).status_code == 422
    audit = (web.settings.calls.directory / "audit.jsonl").read_text()
    assert '"what": "dial", "call": "new-1", "outcome": "answered"' in audit and "7946" not in audit


async def test_events_come_in_pages_too(web: Served, board: Switchboard) -> None:
    numbers = [900, 901, 902]
    for number in numbers:
        board.note("live-1", "turn", number=number)
    async with web.client("watch") as client:
        seen: list[int] = []
        after = "0-0"
        while seen[-3:] != numbers:
            wanted: dict[str, str | int] = {"call": "live-1", "after": after, "limit": 2, "wait_s": 5}
            page = (await client.get("/v1/events/page", params=wanted)).json()
            assert page["events"], "the events do not come"
            seen += [each["data"]["number"] for each in page["events"] if each["kind"] == "turn"]
            after = page["last"]
        assert [each for each in seen if each in numbers] == numbers
        none = (await client.get("/v1/events/page", params={"after": after, "call": "of-nobody"})).json()
        assert none == {"events": [], "last": after}
        for wrong in ("x", "1", "x1-1", "1-1y", "-"):
            assert (await client.get("/v1/events/page", params={"after": wrong})).status_code == 422
