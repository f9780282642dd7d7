"""Webhooks with receivers that are honest, stall, refuse, and lie."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phone_daemon.settings.web import WebhookSettings
from phone_daemon.settings.web_checks import BadSecret, secret_of
from phone_daemon.web.call_store import CallStore
from phone_daemon.web.metrics import Metrics
from phone_daemon.web.webhook_message import WebhookMessage, signature
from phone_daemon.web.webhook_queue import WebhookQueue
from phone_daemon.web.webhooks import Webhooks
from tests.web.test_call_store import leave, turn

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CALL = "20260101T100000.000000Z-aaaa"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Behavior = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """A receiver that answers as `behavior` says, which is called with the attempt's number from 0."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> list[Request]:
        async with asyncio.timeout(10):
            while len(self.requests) < count:
                self.came.clear()
                await self.came.wait()
        return self.requests


@asynccontextmanager
async def receiver(behavior: Behavior) -> AsyncIterator[Receiver]:
    found = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n"))}
            body = await reader.readexactly(int(headers["content-length"]))
            number = len(found.requests)
            found.requests.append(Request(headers, body))
            found.came.set()
            await behavior(number, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?key=secret"
    try:
        yield found
    finally:
        server.close()


def answers(*replies: bytes) -> Behavior:
    """One after the other; the last one is repeated."""

    async def behave(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(replies[min(number, len(replies) - 1)])
        await writer.drain()

    return behave


@asynccontextmanager
async def sending(
    directory: Path, *urls: str, pause_s: float = 0.05, now: Callable[[], float] = time.time, **settings: Any
) -> AsyncIterator[Webhooks]:
    hooks = [WebhookSettings(url=url, secret_env="SECRET", **settings) for url in urls]
    webhooks = Webhooks(hooks, {"SECRET": SECRET}, directory, Metrics(), pauses_s=(pause_s,), now=now)
    task = asyncio.create_task(webhooks.run())
    try:
        yield webhooks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def note(kind: str, /, **data: object) -> dict[str, Any]:
    return {"call": CALL, "kind": kind, "at_ns": 1, "data": data}


async def test_a_receiver_is_told_of_a_call_from_its_start_to_its_transcript(tmp_path: Path) -> None:
    leave(tmp_path, CALL, [turn("Hello", "Hi <b>there</b>.", intent="greet")], caller="anna")
    async with receiver(answers(OK)) as there, sending(tmp_path, there.url) as webhooks:
        for each in (
            note("started", caller="anna", called="4711", dialplan="clinic"),
            note("partial", text="Hel"),
            note("turn", number=1),
            note("barge_in", source="speech", reply=2, heard="We are", legs_ms={"rtp_silent": 12.0}),
            note("action", kind="transfer", argument="sip:a@b"),
            note("ended", reason="caller_hung_up"),
        ):
            webhooks.observe(each)
        requests = await there.until(5)
    by_type = {request.told["type"]: request.told["data"] for request in requests}
    assert sorted(by_type) == ["call.action", "call.barge_in", "call.ended", "call.started", "call.turn"]
    assert by_type["call.started"] == {"call": CALL, "caller": "anna", "called": "4711", "dialplan": "clinic"}
    assert by_type["call.turn"]["heard"] == "Hi <b>there</b>."
    assert by_type["call.barge_in"]["legs_ms"] == {"rtp_silent": 12.0}
    ended = by_type["call.ended"]
    assert (ended["caller"], ended["reason"], ended["seconds"]) == ("anna", "caller_hung_up", 12.5)
    assert [line["caller"] for line in ended["transcript"]] == ["Hello"]
    for request in requests:
        sent = request.headers
        expected = signature(KEY, sent["webhook-id"], int(sent["webhook-timestamp"]), request.body)
        assert sent["webhook-signature"] == f"v1,{expected}"


async def test_only_what_is_asked_for_is_told(tmp_path: Path) -> None:
    async with receiver(answers(OK)) as there, sending(tmp_path, there.url, events=("ended",)) as webhooks:
        webhooks.observe(note("started"))
        webhooks.observe(note("ended"))
        (request,) = await there.until(1)
    assert request.told["type"] == "call.ended"


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slowly\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Later\r\nRetry-After: never\r\nContent-Length: 0\r\n\r\n",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200",
        b"",
    ],
)
async def test_a_refusal_is_tried_again_with_the_same_id(tmp_path: Path, refusal: bytes) -> None:
    async with receiver(answers(refusal, refusal, OK)) as there, sending(tmp_path, there.url) as webhooks:
        webhooks.observe(note("started"))
        requests = await there.until(3)
        await asyncio.sleep(0.2)
    assert len(requests) == 3
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1


async def test_a_receiver_that_stalls_is_given_its_deadline_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    async def stall(number: int, writer: asyncio.StreamWriter) -> None:
        if number:
            writer.write(OK)
        else:
            await asyncio.sleep(30)

    async with (
        receiver(stall) as slow,
        receiver(answers(OK)) as quick,
        sending(tmp_path, slow.url, quick.url, deadline_s=0.3) as webhooks,
    ):
        webhooks.observe(note("started"))
        await quick.until(1)
        assert len(slow.requests) <= 1
        assert len(await slow.until(2)) == 2


async def test_a_receiver_that_answers_without_an_end_has_taken_it(tmp_path: Path) -> None:
    async def endless(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")
            await writer.drain()

    async with receiver(endless) as there, sending(tmp_path, there.url) as webhooks:
        for _ in range(20):
            webhooks.observe(note("started"))
        await there.until(20)
        await asyncio.sleep(0.3)
        assert len(there.requests) == 20


async def test_a_receiver_that_wants_no_more_gets_no_more(tmp_path: Path) -> None:
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(gone)) as there, sending(tmp_path, there.url) as webhooks:
        webhooks.observe(note("started"))
        await there.until(1)
        await asyncio.sleep(0.1)
        webhooks.observe(note("ended"))
        await asyncio.sleep(0.3)
    assert len(there.requests) == 1


async def test_what_waits_outlives_the_process_and_comes_once_with_its_id(tmp_path: Path) -> None:
    """The receiver is down, the daemon restarts, and the receiver comes back."""
    leave(tmp_path, CALL, [turn("Hello", "Hi.")], caller="anna")
    refusal = b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(refusal, refusal, refusal, OK)) as there:
        async with sending(tmp_path, there.url, events=("started", "ended")) as webhooks:
            webhooks.observe(note("started", caller="anna"))
            (first,) = (await there.until(1))[:1]
            webhooks.observe(note("ended", reason="caller_hung_up"))  # The process ends before this has even begun.
        assert stat.S_IMODE((tmp_path / "webhooks.db").stat().st_mode) == 0o600
        before = len(there.requests)
        async with sending(tmp_path, there.url, events=("started", "ended")):
            await there.until(max(3, before) + 2)
            await asyncio.sleep(0.3)
        taken = there.requests[3:]
        async with sending(tmp_path, there.url):
            await asyncio.sleep(0.3)
    assert there.requests[3:] == taken
    assert sorted(request.told["type"] for request in taken) == ["call.ended", "call.started"]
    (started,) = [request for request in taken if request.told["type"] == "call.started"]
    assert (started.headers["webhook-id"], started.body) == (first.headers["webhook-id"], first.body)
    assert next(each for each in taken if each is not started).told["data"]["transcript"]


async def test_what_is_too_old_after_a_restart_is_dropped_with_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(refusal, OK)) as there:
        async with sending(tmp_path, there.url, pause_s=3600) as webhooks:
            webhooks.observe(note("started"))
            await there.until(1)
        async with sending(tmp_path, there.url, now=lambda: time.time() + 90_000):
            async with asyncio.timeout(10):
                while "webhook.given_up" not in caplog.text:  # noqa: ASYNC110 (a log has no event)
                    await asyncio.sleep(0.05)
        async with sending(tmp_path, there.url):
            await asyncio.sleep(0.2)
    assert len(there.requests) == 1


async def test_a_message_from_before_the_clock_was_set_back_is_sent_nevertheless(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(refusal, OK)) as there:
        async with sending(tmp_path, there.url, pause_s=3600, now=lambda: time.time() + 90_000) as webhooks:
            webhooks.observe(note("started"))
            await there.until(1)
            await asyncio.sleep(0.3)  # Until it is on disk when it is due.
        async with sending(tmp_path, there.url):
            first, second = await there.until(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_clock_that_is_set_while_a_message_waits_does_not_make_it_old(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    ahead = 0.0
    async with (
        receiver(answers(refusal, OK)) as there,
        sending(tmp_path, there.url, now=lambda: time.time() + ahead) as (webhooks),
    ):
        webhooks.observe(note("started"))
        await there.until(1)
        ahead = 1e6
        await there.until(2)


@pytest.mark.parametrize("date", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
async def test_a_receiver_may_name_the_time_of_the_next_attempt(tmp_path: Path, date: str) -> None:
    """In each form of a date in HTTP (RFC 9110 section 5.6.7)."""
    began = time.monotonic()
    at = datetime.fromtimestamp(time.time() + 3, UTC).strftime(date).encode()
    refusal = b"HTTP/1.1 503 Later\r\nRetry-After: " + at + b"\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(refusal, OK)) as there, sending(tmp_path, there.url) as webhooks:
        webhooks.observe(note("started"))
        await there.until(2)
    assert time.monotonic() - began > 1.5


async def test_what_waits_for_a_receiver_that_the_settings_lack_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with sending(tmp_path, "http://127.0.0.1:9/hook?key=secret") as webhooks:
        webhooks.observe(note("started"))
        await asyncio.sleep(0.2)
    async with receiver(answers(OK)) as there, sending(tmp_path, there.url) as webhooks:
        webhooks.observe(note("started"))
        await there.until(1)
    assert "webhook.dropped" in caplog.text and "secret" not in caplog.text
    with closing(WebhookQueue(tmp_path)) as queue:
        assert not any(":9/" in url for url in queue.waiting())


async def test_a_call_that_is_removed_is_told_to_nobody_any_more(tmp_path: Path) -> None:
    leave(tmp_path, CALL, [turn("my secret number", "Yes.")], caller="anna")
    refusal = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(refusal)) as there, sending(tmp_path, there.url, events=("ended",)) as webhooks:
        webhooks.observe(note("ended"))
        await there.until(1)
        with closing(CallStore(tmp_path)) as store:
            store.sync()
            assert store.remove([CALL]).calls == 1
        await asyncio.sleep(0.2)
        told = len(there.requests)
        await asyncio.sleep(0.3)
        assert len(there.requests) == told
    left = [file.read_bytes() for file in tmp_path.glob("webhooks.db*")]  # noqa: ASYNC240 (nobody waits)
    assert left and not any(b"my secret number" in each for each in left)


async def test_a_disk_that_takes_nothing_costs_a_message_only_its_safety(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "webhooks.db").mkdir()
    async with receiver(answers(OK)) as there, sending(tmp_path, there.url) as webhooks:
        webhooks.observe(note("started"))
        await there.until(1)
    assert "webhook.not_kept" in caplog.text


async def test_a_message_is_given_up_in_the_end_and_its_address_is_told_without_its_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answers(refusal)) as there, sending(tmp_path, there.url, give_up_s=1.0) as webhooks:
        webhooks.observe(note("started"))
        async with asyncio.timeout(10):
            while "webhook.given_up" not in caplog.text:  # noqa: ASYNC110 (a log has no event)
                await asyncio.sleep(0.05)
    assert "answered 500" in caplog.text
    assert "secret" not in caplog.text


def test_the_signature_is_that_of_the_standard() -> None:
    """The example from the Standard Webhooks specification's own libraries."""
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = WebhookMessage("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    headers = message.headers(secret, 1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "hello", "whsec_", "whsec_short", "whsec_!!!!", SECRET.removeprefix("whsec_")])
def test_a_secret_that_cannot_sign_is_told_without_it(secret: str) -> None:
    with pytest.raises(BadSecret, match="openssl rand") as raised:
        secret_of(secret)
    assert not secret or secret == "whsec_" or secret not in str(raised.value)
