"""`/ws/voice` from its clients' point of view, with a real web process; the test acts as the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from phone_daemon.events import FRAME_BYTES, EndReason, Flushed, Frame, PlayoutDone, WideFrame
from tests.web.served import Served, frame_of, hears, served, settings_in
from tests.wire.calls import PATIENCE_S, gapless, rms, strength, tone

START, CHUNK, END, HEARD, SAID, AUDIO, ERROR, READY, DONE, DIGITS = (bytes([kind, 0]) for kind in range(1, 11))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(settings_in(tmp_path_factory.mktemp("web"), idle_s=20.0)) as web:
        yield web


def start(**fields: object) -> bytes:
    return START + json.dumps(fields).encode()


async def speak(socket: ClientConnection, pcm: bytes, frame: int = FRAME_BYTES) -> None:
    """Sends audio at the pace at which it is captured."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(0, len(pcm), frame):
        await socket.send(CHUNK + pcm[at : at + frame])
        await asyncio.sleep(max(began + (at + frame) / frame * 0.02 - loop.time(), 0))


async def closed(socket: ClientConnection) -> tuple[int | None, list[str]]:
    """The close code, and the errors sent before it."""
    errors = []
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                assert isinstance(message, bytes)
                if message[:1] == ERROR[:1]:
                    errors.append(message[2:].decode())
    return socket.close_code, errors


async def test_a_call_is_announced_answered_and_heard_in_both_directions(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start(caller="anna", called="4711"))
        ear = await web.answered()
        assert (ear.line.caller, ear.line.called) == ("anna", "4711")
        ready = json.loads((await frame_of(socket, 0x08))[2:])
        assert ready == {"call": ear.line.id, "rate": 8000, "frame_ms": 20}
        await speak(socket, tone(440, 0.6))
        await hears(ear, 440)
        assert gapless(ear.frames)
        ear.line.play(1, tone(1000, 0.4))
        ear.line.finish(1)
        assert json.loads((await frame_of(socket, 0x01))[2:]) == {"reply": 1}
        heard = b""
        while (message := await frame_of(socket, 0x06, 0x03))[0] == 0x06:
            heard += message[2:]
        assert heard == tone(1000, 0.4)
        assert message[1] & 1
        assert json.loads(message[2:]) == {"reply": 1, "played_ms": 400, "drop": False}
        assert isinstance(await ear.event(PlayoutDone), PlayoutDone)
        ear.line.hang_up(EndReason.AGENT_HUNG_UP)
        done = await frame_of(socket, 0x09)
        assert json.loads(done[2:])["reason"] == "agent_hung_up"
        assert (await closed(socket))[0] == 1000
    assert (await ear.closed()).reason is EndReason.AGENT_HUNG_UP


async def test_other_rates_are_converted_both_ways(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start(rate=48000))
        ear = await web.answered()
        await frame_of(socket, 0x08)
        wide = b"".join(tone(440, 0.6)[at : at + 2] * 6 for at in range(0, 9600, 2))
        await speak(socket, wide, 6 * FRAME_BYTES)
        await hears(ear, 440)
        ear.line.play(1, tone(1000, 0.4))
        ear.line.finish(1)
        heard = b""
        while (message := await frame_of(socket, 0x06, 0x03))[0] == 0x06:
            heard += message[2:]
        assert len(heard) == 6 * len(tone(1000, 0.4))
        assert strength(heard, 1000 / 6) > 1000


@pytest.mark.parametrize("rate", [16000, 48000])
async def test_who_sends_16_khz_or_more_is_heard_at_16(web: Served, rate: int) -> None:
    async with web.socket() as socket:
        await socket.send(start(rate=rate))
        ear = await web.answered()
        await frame_of(socket, 0x08)
        times = np.arange(rate) / rate
        sound = 6000 * (np.sin(2 * np.pi * 440 * times) + np.sin(2 * np.pi * 6000 * times))
        await speak(socket, sound.astype("<i2").tobytes(), rate // 25)
        await hears(ear, 440)
        assert ear.line.wide and all(isinstance(frame, WideFrame) for frame in ear.frames)
        loud = [frame for frame in ear.frames if isinstance(frame, WideFrame) and strength(frame.pcm, 440) > 1000]
        # Measured as if at 8 kHz, the 6 kHz of the doubled rate appear as 3.
        assert sum(strength(frame.wide, 3000) > 1000 and strength(frame.wide, 220) > 1000 for frame in loud) >= 8
        assert all(strength(frame.pcm, 2000) < 100 for frame in loud[1:])


def wide_tone(hertz: float, seconds: float) -> bytes:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(16_000 * seconds)) / 16_000)).astype("<i2").tobytes()


async def heard_of(socket: ClientConnection) -> tuple[bytes, dict[str, object]]:
    """A reply to its end, and the messages about it."""
    heard = b""
    while (message := await frame_of(socket, 0x06, 0x03))[0] == 0x06:
        heard += message[2:]
    return heard, json.loads(message[2:])


async def test_who_hears_16_khz_is_sent_16_and_positions_stay_at_8(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start(rate=16000))
        ear = await web.answered()
        await frame_of(socket, 0x08)
        hiss = wide_tone(6000, 0.4)
        ear.line.play(1, bytes(6400), hiss)
        ear.line.finish(1)
        assert await heard_of(socket) == (hiss, {"reply": 1, "played_ms": 400, "drop": False})
        done = await ear.event(PlayoutDone)
        assert isinstance(done, PlayoutDone) and done.played == 3200
        ear.line.play(2, tone(1000, 0.4), wide_tone(1000, 0.4))
        ear.line.finish(2)
        await heard_of(socket)
        await ear.until(lambda: len([each for each in ear.told if isinstance(each, PlayoutDone)]) == 2)
        played = [frame for frame in ear.frames if isinstance(frame, WideFrame) and frame.reply == 2 and frame.agent]
        assert all(
            strength(frame.agent, 1000) > 4000 and strength(frame.wide_agent, 500) > 4000 for frame in played[1:]
        )
        # The audio above 4 kHz was played, and is not in the 8 kHz that a call decides by.
        hissing = [
            frame for frame in ear.frames if isinstance(frame, WideFrame) and frame.reply == 1 and frame.wide_agent
        ]
        assert len(hissing) == 20 and all(rms(frame.agent) < 100 < rms(frame.wide_agent) for frame in hissing[1:])


async def test_what_comes_at_8_khz_is_heard_at_16_and_an_interruption_leaves_nothing_of_it(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start(rate=16000))
        ear = await web.answered()
        await frame_of(socket, 0x08)
        ear.line.play(1, tone(1000, 3.0))
        while rms((await frame_of(socket, 0x06))[2:]) < 4000:
            pass
        ear.line.flush(1)
        ear.line.play(2, bytes(2 * FRAME_BYTES))
        ear.line.finish(2)
        _, ends = await heard_of(socket)
        flushed = await ear.event(Flushed)
        assert isinstance(flushed, Flushed) and ends["played_ms"] == flushed.played / 8 < 3000 and ends["drop"]
        heard, _ = await heard_of(socket)
        assert heard == bytes(4 * FRAME_BYTES)


async def test_who_sends_8_khz_costs_no_more(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        await ear.ticks(3)
        assert not ear.line.wide and {type(frame) for frame in ear.frames} == {Frame}


async def test_an_interruption_tells_the_client_what_to_drop(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        ear.line.play(1, tone(1000, 5.0))
        await frame_of(socket, 0x06)
        ear.line.flush(1)
        end = json.loads((await frame_of(socket, 0x03))[2:])
        assert end["reply"] == 1 and end["drop"] and 0 < end["played_ms"] < 4000
        flushed = await ear.event(Flushed)
        assert isinstance(flushed, Flushed) and flushed.played / 8 == end["played_ms"]
        ear.line.play(1, tone(1000, 1.0))
        ear.line.play(2, tone(1000, 0.1))
        ear.line.finish(2)
        assert json.loads((await frame_of(socket, 0x01, 0x06))[2:]) == {"reply": 2}


async def test_captions_come_as_they_are_told(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        web.tell(ear.line.id, "partial", text="I would", stable="I")
        web.tell(ear.line.id, "final", text="I would <b>like</b> …")
        web.tell(ear.line.id, "agent", text="Of course. ", reply=1, filler=True)
        web.tell("somebody else", "final", text="a secret")
        web.tell(ear.line.id, "agent", text="On which day?", reply=1)
        told = [await frame_of(socket, 0x04, 0x05) for _ in range(4)]
        assert [(each[0], each[1], each[2:].decode()) for each in told] == [
            (0x04, 0, "I would"),
            (0x04, 1, "I would <b>like</b> …"),
            (0x05, 2, "Of course. "),
            (0x05, 0, "On which day?"),
        ]


async def test_keys_go_both_ways(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        await frame_of(socket, 0x08)
        await socket.send(DIGITS + b"4#d")
        await socket.send(DIGITS + b"x")
        assert "'x' is no key" in (await frame_of(socket, 0x07)).decode()
        ear.line.send_digits("12")
        assert await frame_of(socket, 0x0A) == DIGITS + b"12"
        await socket.send(DONE)
        assert (await ear.closed()).reason is EndReason.CALLER_HUNG_UP
        assert [event.digit for event in ear.told if hasattr(event, "digit")] == ["4", "#", "D"]


async def test_a_microphone_that_is_off_ends_nothing_and_one_that_is_silent_does(tmp_path: Path) -> None:
    async with served(settings_in(tmp_path, idle_s=1.0)) as web, web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        await socket.send(END)
        await ear.ticks(75)
        assert ear.line.closed is None
        await socket.send(CHUNK + tone(440, 0.02))
        assert (await ear.closed()).reason is EndReason.RTP_TIMEOUT
        assert json.loads((await frame_of(socket, 0x09))[2:])["reason"] == "rtp_timeout"


@pytest.mark.parametrize(("role", "status"), [("", 401), ("watch", 403)])
async def test_nobody_calls_without_a_token_for_it(web: Served, role: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as raised:
        async with web.socket(role=role):
            pass
    assert raised.value.response.status_code == status
    assert b'"detail"' in (raised.value.response.body or b"")


async def test_nobody_calls_from_another_site(web: Served) -> None:
    with pytest.raises(InvalidStatus) as raised:
        async with web.socket(origin="https://evil.example"):
            pass
    assert raised.value.response.status_code == 403
    async with web.socket(origin=web.url) as socket:
        await socket.send(start())
        await web.answered()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("text", "a text message: every frame is binary"),
        (b"", "a frame of 0 bytes"),
        (b"\x02", "a frame of 1 bytes"),
        (b"\xff\x00", "0xff is not a frame type"),
        (CHUNK + bytes(320), "audio_chunk before audio_start"),
        (AUDIO + bytes(320), "tts_audio before audio_start"),
    ],
)
async def test_a_mistake_is_told_and_the_call_can_still_begin(web: Served, message: bytes | str, told: str) -> None:
    async with web.socket() as socket:
        await socket.send(message)
        assert told in (await frame_of(socket, 0x07)).decode()
        await socket.send(start())
        ear = await web.answered()
        await frame_of(socket, 0x08)
        await socket.send(SAID + b"x")
        assert "llm_chunk (0x05) is not for a client" in (await frame_of(socket, 0x07)).decode()
        assert ear.line.closed is None


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"{", "the payload is not JSON"),
        (b"\xff", "the payload is not UTF-8"),
        (b"[]", "the payload is not a JSON object"),
        (b"[" * 20_000, "the payload is not JSON"),
        (b'{"rate": 7}', "a rate of 7; one of 8000"),
        (b'{"rate": [8000]}', "a rate of [8000]"),
        (b'{"caller": 1}', "caller, called and join are texts"),
        (b'{"codec": "opus"}', 'unknown key "codec"'),
    ],
)
async def test_a_start_that_is_wrong_is_refused_in_one_line(web: Served, payload: bytes, told: str) -> None:
    async with web.socket() as socket:
        await socket.send(START + payload)
        code, (error,) = await closed(socket)
        assert code == 1008 and told in error and "\n" not in error
    assert web.incoming.empty()


async def test_a_callers_name_cannot_write_headers(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start(caller="x>\r\nTo: <sip:admin@web", called="47\n11<>" + "9" * 500))
        line = (await web.answered()).line
        assert line.caller == "xTosipadminweb"
        assert line.called == "4711" + "9" * 60


async def test_ten_megabytes_end_the_connection_and_no_other(web: Served) -> None:
    async with web.socket() as other, web.socket() as socket:
        await other.send(start())
        ear = await web.answered()
        await socket.send(start())
        big = await web.answered()
        with pytest.raises(ConnectionClosed):
            await socket.send(CHUNK + bytes(10_000_000))
            await closed(socket)
            raise ConnectionClosed(None, None)
        assert socket.close_code == 1009
        await big.closed()
        before = len(ear.frames)
        await other.send(CHUNK + tone(440, 0.02))
        await ear.ticks(5)
        assert len(ear.frames) > before and ear.line.closed is None


async def test_audio_faster_than_anybody_speaks_is_a_flood(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(100):
                await socket.send(CHUNK + bytes(32_000))
        code, errors = await closed(socket)
        assert code == 1008 and "4 times faster than anybody speaks" in errors[-1]
        assert (await ear.closed()).reason is EndReason.CALLER_HUNG_UP


async def test_a_client_that_never_stops_making_mistakes_is_let_go(web: Served) -> None:
    async with web.socket() as socket:
        for _ in range(25):
            await socket.send("what?")
        code, errors = await closed(socket)
        assert code == 1008 and len(errors) == 21


async def test_a_client_that_is_gone_has_hung_up(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start())
        ear = await web.answered()
        socket.transport.abort()
        assert (await ear.closed()).reason is EndReason.CALLER_HUNG_UP


async def test_a_call_that_is_not_taken_is_told_why(web: Served) -> None:
    async with web.socket() as socket:
        await socket.send(start(called="0000"))
        (await web.rung()).refuse(404)
        code, (error,) = await closed(socket)
        assert (code, error) == (1008, "not answered (404): no dialplan answers this number")


async def test_a_client_that_does_not_read_holds_up_nobody(web: Served) -> None:
    async with web.socket() as other, web.socket(max_queue=1) as socket:
        await socket.send(start())
        stalled = await web.answered()
        await other.send(start())
        ear = await web.answered()
        stalled.line.play(1, tone(300, 30.0))
        socket.transport.pause_reading()
        for _ in range(10):
            await socket.send(CHUNK + bytes(320))
            await other.send(CHUNK + tone(440, 0.02))
            await ear.ticks(10)
        assert gapless(ear.frames) and gapless(stalled.frames)
        assert rms(ear.heard) > 0
        socket.transport.abort()  # A client that does not read does not say goodbye either.
