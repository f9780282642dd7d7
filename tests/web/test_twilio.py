"""`/ws/twilio`, used as by Twilio's media streams; the test also acts as the daemon."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from phone_daemon.events import EndReason
from phone_daemon.media import g711
from phone_daemon.web.twilio import close_reason
from tests.web.served import TOKENS, Served, hears, served, settings_in
from tests.wire.calls import PATIENCE_S, strength, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEDIA = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(settings_in(tmp_path_factory.mktemp("web"))) as web:
        yield web


def start(token: str = TOKENS["operate"], media: object = MEDIA, **parameters: str) -> list[str]:
    about = {"callSid": "CA1", "mediaFormat": media, "customParameters": {"token": token, **parameters}}
    return [
        json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
        json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": about}),
    ]


def media(pcm: bytes) -> str:
    payload = base64.b64encode(g711.encode(pcm)).decode()
    return json.dumps({"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": payload}})


async def say(socket: ClientConnection, *messages: str) -> None:
    for message in messages:
        await socket.send(message)


async def next_of(socket: ClientConnection, event: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        async for message in socket:
            told: dict[str, Any] = json.loads(message)
            assert told["streamSid"] == "MZ1"
            if told["event"] == event:
                return told
    raise AssertionError("closed")


async def reason(socket: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(PATIENCE_S):
        try:
            async for _ in socket:
                pass
        except ConnectionClosed:
            pass
    return socket.close_code, socket.close_reason


async def test_a_stream_is_a_call_with_audio_keys_marks_and_clear(web: Served) -> None:
    async with web.socket("/ws/twilio", role="") as socket:
        await say(socket, *start(caller="+15550100", called="+15550199"))
        ear = await web.answered()
        assert (ear.line.caller, ear.line.called) == ("+15550100", "+15550199")
        voice = tone(440, 0.6)
        for at in range(0, len(voice), 320):
            await socket.send(media(voice[at : at + 320]))
            await asyncio.sleep(0.02)
        await hears(ear, 440)
        await say(socket, json.dumps({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": "5"}}))
        ear.line.play(1, tone(1000, 0.2))
        ear.line.finish(1)
        payload = (await next_of(socket, "media"))["media"]["payload"]
        assert strength(g711.decode(base64.b64decode(payload)), 1000) > 1000
        assert (await next_of(socket, "mark"))["mark"] == {"name": "reply-1"}
        ear.line.play(2, tone(1000, 5.0))
        await next_of(socket, "media")
        ear.line.flush(2)
        await next_of(socket, "clear")
        await say(socket, json.dumps({"event": "stop", "streamSid": "MZ1"}))
        assert (await ear.closed()).reason is EndReason.CALLER_HUNG_UP
        assert [event.digit for event in ear.told if hasattr(event, "digit")] == ["5"]


async def test_an_agent_that_hangs_up_ends_the_stream(web: Served) -> None:
    async with web.socket("/ws/twilio", role="") as socket:
        await say(socket, *start())
        (await web.answered()).line.hang_up(EndReason.AGENT_HUNG_UP)
        assert (await reason(socket))[0] == 1000


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (start("wrong"), "this token is not known"),
        (start(""), "a token is needed"),
        (start(TOKENS["watch"]), "is for watch; this needs operate"),
        (start(media={"encoding": "audio/l16"}), "audio/x-mulaw at 8000 Hz is understood"),
        (["no JSON"], "every message is JSON"),
        (["[" * 10_000], "every message is JSON"),
        ([media(bytes(320))], "begins with connected and start"),
    ],
)
async def test_a_stream_that_is_wrong_is_closed_with_the_reason(web: Served, messages: list[str], why: str) -> None:
    async with web.socket("/ws/twilio", role="") as socket:
        await say(socket, *messages)
        code, told = await reason(socket)
        assert code == 1008 and told is not None and why in told
    assert web.incoming.empty()


async def test_a_few_odd_messages_are_passed_over_and_many_are_not(web: Served) -> None:
    odd = [
        json.dumps({"event": "media", "media": {"payload": "%%%"}}),
        json.dumps({"event": "media", "media": None}),
        json.dumps({"event": "dtmf", "dtmf": {"digit": "nine"}}),
        json.dumps({"event": ["?"]}),
        json.dumps([1, 2]),
    ]
    async with web.socket("/ws/twilio", role="") as socket:
        await say(socket, *start(), *odd)
        ear = await web.answered()
        await ear.ticks(3)
        assert ear.line.closed is None
        for _ in range(6):
            await say(socket, *odd)
        assert (await reason(socket))[0] == 1008
        await ear.closed()


@pytest.mark.parametrize("name", ["ann", "x" * 300, "ö" * 300, "x" + "\N{SLIGHTLY SMILING FACE}" * 300])
async def test_a_reason_fits_into_a_close_frame_whoever_is_named_in_it(name: str) -> None:
    reason = close_reason(f"the token of {name} is for watch; this needs operate")
    assert 20 < len(reason.encode()) <= 123
    assert reason.startswith("the token of ")
