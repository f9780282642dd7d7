"""An aiortc browser with our end: speech arrives, a flush silences it, floods are ended.

The test plays the daemon's side of the protocol, so that it decides what the agent does; test_whole_call.py has a whole
call with a real daemon.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
from aiortc.rtp import RtpPacket, is_rtcp

from ops.witness.browser import Browser, browser, loud
from phone_daemon.events import WIDE_RATE, Digit, Frame, LineClosed, WideFrame
from phone_daemon.web.desk import Desk
from phone_daemon.web.webrtc.offer import BadOffer, judge
from phone_daemon.web.webrtc.peer import MAX_MESSAGE, MESSAGES_PER_S, Peer
from phone_daemon.wire import packets, protocol
from tests.web.webrtc.speech import caller, pieces_found

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000 * 20) / 8000)).astype("<i2").tobytes()


class Daemon:
    """The daemon's end: answers every call and records what it receives about it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.told: list[protocol.Message] = []
        self.heard = bytearray()
        self.wide = bytearray()
        self.more = asyncio.Event()
        self.number = 0

    def say(self, command: protocol.Command) -> None:
        self._sock.send(packets.pack(self.number, command))

    def read(self) -> None:
        for number, message in packets.unpack(self._sock.recv(packets.MAX_PACKET)):
            if isinstance(message, protocol.Incoming):
                self.number = number
                self.say(protocol.Answer())
                self.say(protocol.Told(json.dumps({"call": "test-1", "kind": "started", "at_ns": 0, "data": {}})))
            if isinstance(message, Frame):
                self.heard += message.pcm
                self.wide += message.wide if isinstance(message, WideFrame) else b""
            else:
                self.told.append(message)
        self.more.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def a_desk() -> AsyncIterator[tuple[Desk, Daemon]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.setblocking(False)
    desk, daemon = Desk(ours, max_calls=4, idle_s=30.0), Daemon(theirs)
    loop = asyncio.get_running_loop()
    loop.add_reader(theirs, daemon.read)
    running = asyncio.create_task(desk.run(0))
    try:
        yield desk, daemon
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        loop.remove_reader(theirs)
        ours.close()
        theirs.close()


@asynccontextmanager
async def a_call() -> AsyncIterator[tuple[Browser, Peer, Daemon]]:
    """A browser that is connected to the daemon."""
    async with a_desk() as (desk, daemon), browser() as here:
        peer = Peer(desk, [], "web", "100")
        try:
            await here.answered(await peer.answer(judge((await here.offer()).encode())))
            await daemon.until(lambda: daemon.number > 0)
            yield here, peer, daemon
        finally:
            peer.close()
            await peer.over.wait()


def digits(daemon: Daemon) -> str:
    return "".join(message.digit for message in daemon.told if isinstance(message, Digit))


async def test_the_caller_is_heard_and_the_agent_is() -> None:
    """Speech goes both ways through Opus, and is still the same speech."""
    async with a_call() as (here, _, daemon):
        here.microphone.say(caller())
        daemon.say(protocol.Play(1, caller()))
        await daemon.until(lambda: loud(daemon.heard))
        await here.sound()
        await asyncio.sleep(len(caller()) / 16_000)
        async with asyncio.timeout(15.0):  # On a busy machine it comes late.
            while any(pieces_found(caller(), bytes(heard)) <= 0.5 for heard in (daemon.heard, here.heard)):  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def test_the_caller_is_heard_at_16_khz_beside_8() -> None:
    """Sound above a telephone's band is only in the wideband audio."""
    hiss = (8000 * np.sin(2 * np.pi * 6000 * np.arange(WIDE_RATE) / WIDE_RATE)).astype("<i2").tobytes()
    async with a_call() as (here, _, daemon):
        here.microphone.say(hiss, WIDE_RATE)
        await daemon.until(lambda: loud(daemon.wide[-32_000:-16_000], 4000))
        assert len(daemon.wide) == 2 * len(daemon.heard)
        narrow, wide = (float(np.std(np.frombuffer(bytes(pcm), "<i2"))) for pcm in (daemon.heard, daemon.wide))
        assert narrow < wide / 8


async def test_a_flushed_reply_is_silent_and_none_of_it_comes_later() -> None:
    """Twenty seconds are queued; after the flush only what was on its way is heard."""
    async with a_call() as (here, _, daemon):
        daemon.say(protocol.Play(1, TONE[:16_000]))
        for at in range(16_000, 160_000, 16_000):
            daemon.say(protocol.Play(1, TONE[at : at + 16_000]))
        await here.sound()
        await asyncio.sleep(0.3)
        daemon.say(protocol.Flush(1))
        assert (await here.note("flushed"))["data"]["reply"] == 1
        await asyncio.sleep(0.5)
        here.heard.clear()
        await asyncio.sleep(0.5)
        assert here.heard and not loud(here.heard, 50)


async def test_keys_come_by_the_data_channel() -> None:
    async with a_call() as (here, _, daemon):
        await daemon.until(lambda: here.events.readyState == "open" and bool(daemon.heard))
        for message in ('{"digit": "5"}', '{"digit": "#"}', '{"digit": "x"}', '{"digit": 5}', "[]", "{", "\x00"):
            here.events.send(message)
        here.events.send('{"digit": "9"}')
        await daemon.until(lambda: digits(daemon) == "5#9")


async def test_keys_come_as_rtp() -> None:
    """telephone-event (RFC 4733), in the same stream as the caller's audio."""
    async with a_desk() as (desk, daemon), browser() as here:
        offer = judge((await here.offer()).encode())
        peer = Peer(desk, [], "web", "100")
        await here.answered(await peer.answer(offer))
        await daemon.until(lambda: bool(daemon.heard))
        sender = here.connection.getSenders()[0]
        sent: list[RtpPacket] = []
        send = sender.transport._send_rtp

        async def keep(data: bytes) -> None:
            if not is_rtcp(data):
                sent.append(RtpPacket.parse(data))
            await send(data)

        sender.transport._send_rtp = keep  # type: ignore[method-assign]
        await daemon.until(lambda: bool(sent))
        presses = [(1, 7, 100), (2, 7, 100), (3, 7, 100), (5, 11, 9000), (6, 11, 9000), (4, 7, 100)]
        for number, code, timestamp in presses:  # the last packet comes late
            sequence = (sent[-1].sequence_number + 40 + number) & 0xFFFF
            packet = RtpPacket(next(iter(offer.keys)), sequence_number=sequence, timestamp=timestamp)
            packet.ssrc, packet.payload = sent[-1].ssrc, bytes([code, 10, 1, 64])
            await send(packet.serialize())
        await daemon.until(lambda: digits(daemon) == "7#")
        peer.close()
        await peer.over.wait()


@pytest.mark.parametrize("messages", [["x"] * (2 * MESSAGES_PER_S), ["x" * (MAX_MESSAGE + 1)], [b"\0" * 200_000]])
async def test_a_flood_in_the_data_channel_ends_the_call(messages: list[str | bytes]) -> None:
    async with a_call() as (here, peer, daemon):
        await daemon.until(lambda: here.events.readyState == "open")
        for message in messages:
            here.events.send(message)
        await daemon.until(lambda: any(isinstance(message, LineClosed) for message in daemon.told))
        await asyncio.wait_for(peer.over.wait(), 5)


async def test_a_flood_of_data_channels_ends_the_call() -> None:
    async with a_call() as (here, peer, daemon):
        await daemon.until(lambda: here.events.readyState == "open")
        for number in range(2 * MESSAGES_PER_S):
            here.connection.createDataChannel(f"{number}")
        await daemon.until(lambda: any(isinstance(message, LineClosed) for message in daemon.told))
        await asyncio.wait_for(peer.over.wait(), 5)


async def test_a_browser_that_takes_no_notes_misses_some_and_holds_nobody_up() -> None:
    """Its queue is bounded, the audio continues, and it learns how many notes it missed."""
    async with a_call() as (here, peer, daemon):
        await daemon.until(lambda: here.events.readyState == "open" and peer._channel is not None)
        assert peer._channel is not None
        for number in range(2_000):
            peer.note({"kind": "partial", "data": {"text": "word " * 20, "number": number}})
        assert peer._channel.bufferedAmount < 100_000 and peer.missed > 0
        daemon.say(protocol.Play(1, TONE[:16_000]))
        await here.sound()
        async with asyncio.timeout(20):
            while not any("missed" in note for note in here.notes):
                peer.note({"kind": "partial", "data": {}})
                await asyncio.sleep(0.05)


async def test_who_goes_away_has_hung_up() -> None:
    async with a_call() as (here, peer, daemon):
        await here.close()
        await daemon.until(lambda: any(isinstance(message, LineClosed) for message in daemon.told))
        await asyncio.wait_for(peer.over.wait(), 5)


async def test_when_the_daemon_is_gone_the_browser_is_told() -> None:
    """No daemon at all: the offer is answered, and the call refused with a reason."""
    async with browser() as here:
        peer = Peer(Desk(None, max_calls=1, idle_s=30.0), [], "web", "")
        await here.answered(await peer.answer(judge((await here.offer()).encode())))
        refused = await here.note("refused")
        assert refused["data"]["code"] == 503
        await asyncio.wait_for(peer.over.wait(), 5)


@pytest.mark.parametrize("seed", range(3))
async def test_an_offer_that_is_damaged_is_answered_or_refused(seed: int) -> None:
    """Lines lost, doubled, cut, and scrambled: the result is always an answer or one line, and nothing is left open."""
    dice = random.Random(seed)
    desk = Desk(None, max_calls=1, idle_s=30.0)
    async with browser() as here:
        good = (await here.offer()).splitlines()
    for _ in range(25):
        lines = good.copy()
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(1, len(lines))
            match dice.randrange(4):
                case 0:
                    del lines[at]
                case 1:
                    lines.insert(dice.randrange(1, len(lines)), lines[at])
                case 2:
                    lines[at] = lines[at][: dice.randrange(2, len(lines[at]) + 1)]
                case 3:
                    place = dice.randrange(2, len(lines[at])) if len(lines[at]) > 2 else 0
                    lines[at] = lines[at][:place] + dice.choice("09az:/- =") + lines[at][place + 1 :]
        peer = Peer(desk, [], "web", "")
        try:
            assert (await peer.answer(judge("\r\n".join(lines).encode()))).startswith("v=0")
        except BadOffer as refused:
            assert refused.status in (400, 422) and "\n" not in str(refused)
        else:
            peer.close()
            await asyncio.wait_for(peer.over.wait(), 5)
