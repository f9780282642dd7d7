"""How the edge handles calls: real Kamailio, rtpengine, and line cards, and a bare caller."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ops.edge.status import ask
from ops.witness.probe import Refused, offer, until
from phone_daemon.events import EndReason
from tests.ops.edge.front import Front, front
from tests.wire.calls import strength, tone

SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """One edge before two line cards, for every test that leaves it as it found it."""
    async with front(tmp_path_factory.mktemp("edge"), retry_after_s=7) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def edge(started: Front) -> AsyncIterator[Front]:
    """`started`, intact and without calls: the previous test has restored it, or has failed."""
    await started.up(2)
    await started.free()
    started.calls.clear()
    yield started
    await started.free()


@SHARED
async def test_a_call_goes_through_with_sound_both_ways_and_nothing_of_what_stands_behind_is_seen(edge: Front) -> None:
    async with edge.call() as probe:
        answer = await probe.answered()
        await until(lambda: any(not packet.silent for packet in probe.rtp.packets))
        inside = {str(port) for port in edge.cards.ports} | {str(edge.plan.edge.inner_port)}
        shown = "".join(answer.headers.values()) + answer.body
        assert not [port for port in inside if port in shown]
        assert "phone-daemon" not in shown
        assert await probe.info("5") == 200
        status = await ask(edge.plan)
        assert (status.calls, sum(card.calls for card in status.cards)) == (1, 1)
        await probe.hang_up()
    await edge.free()
    [call] = edge.calls
    assert call.address == f"127.0.0.1:{edge.plan.edge.inner_port}"


def in_parts(port: int) -> str:
    """An offer beside what a telephone exchange adds (RFC 3204)."""
    return (
        "--x\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x10\r\n"
        f"--x\r\nContent-Type: application/sdp\r\n\r\n{offer(port)}\r\n--x--\r\n"
    )


@SHARED
@pytest.mark.parametrize("how", ["in parts", "without its length"])
async def test_an_offer_in_an_unusual_form_goes_through_the_relay(edge: Front, how: str) -> None:
    probe = edge.call(sdp=in_parts if how == "in parts" else offer)
    request = probe._request

    def written(*args: Any, **named: Any) -> bytes:
        if how == "in parts":
            return request(*args, **named).replace(b": application/sdp", b": multipart/mixed;boundary=x", 1)
        return re.sub(rb"Content-Length: [1-9]\d*\r\n", b"", request(*args, **named))

    probe._request = written  # type: ignore[method-assign]
    async with probe:
        await probe.answered()
        await until(lambda: any(not packet.silent for packet in probe.rtp.packets[5:]))
        assert {packet.source for packet in probe.rtp.packets} == {probe.rtp.target}


@SHARED
async def test_a_long_invite_is_taken_by_tcp_too(edge: Front) -> None:
    port = edge.plan.edge.port
    request = (
        f"INVITE sip:100@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1\r\n"
        f"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: long\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:a@127.0.0.1:9;transport=tcp>\r\nIdentity: {'x' * 60_000}\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(offer(9))}\r\n\r\n{offer(9)}"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.encode())
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"\r\nSIP/2.0 200 OK\r\n")
        assert answer.startswith(b"SIP/2.0 100")
    finally:
        writer.close()
        for call in edge.calls:
            call._line.hang_up(EndReason.DRAINED)


@SHARED
@pytest.mark.parametrize("first", ["RTP/SAVP", "RTP/AVP"])
async def test_of_audio_that_is_offered_with_and_without_srtp_one_is_taken_and_the_other_refused_as_it_was(
    edge: Front, first: str
) -> None:
    def twice(port: int) -> str:
        head, mark, plain = offer(port).partition("m=audio")
        key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
        secret = f"m=audio {port + 20} RTP/SAVP 0\r\n{key}"
        return head + (secret + mark + plain if first == "RTP/SAVP" else mark + plain + secret)

    async with edge.call(sdp=twice) as probe:
        answer = (await probe.answered()).body
    taken, refused = re.findall(r"^m=audio (\d+) (\S+)", answer, re.MULTILINE)
    other = {"RTP/SAVP": "RTP/AVP", "RTP/AVP": "RTP/SAVP"}[first]
    assert (int(taken[0]) > 0, taken[1], refused) == (True, first, ("0", other))
    assert ("a=crypto:" in answer) == (first == "RTP/SAVP")


@SHARED
async def test_calls_are_shared_out_until_all_cards_are_full_then_503_says_when_to_come_again(edge: Front) -> None:
    callers = [edge.call() for _ in range(8)]
    try:
        for caller in callers:
            await caller.__aenter__()
            await caller.answered()
        assert [card.calls for card in (await ask(edge.plan)).cards] == [4, 4]
        async with edge.call() as ninth:
            with pytest.raises(Refused) as refused:
                await ninth.answered()
        assert (refused.value.code, refused.value.headers["retry-after"]) == (503, "7")
        # A place that is free again is taken at once, whoever ended the call in it; no OPTIONS need tell.
        await callers[0].hang_up()
        async with edge.call() as tenth:
            await tenth.answered()
            edge.calls[1]._line.hang_up(EndReason.DRAINED)
            await until(lambda: any(not caller.live for caller in callers[1:]))
            await asyncio.sleep(0.2)  # Its 200 OK for the BYE is on its way through the edge.
            async with edge.call() as eleventh:
                await eleventh.answered()
    finally:
        for caller in callers:
            await caller.__aexit__()


async def test_a_stranger_gets_403_and_then_nothing(tmp_path: Path) -> None:
    async with front(tmp_path, trunks=[{"name": "far", "addresses": ["192.0.2.0/24"]}], stranger_requests=4) as made:
        codes: list[int] = []
        for _ in range(8):
            async with made.call() as stranger:
                try:
                    await stranger.answered(timeout=0.3)
                except Refused as refused:
                    codes.append(refused.code)
                    assert "retry-after" not in refused.headers
                except TimeoutError:
                    codes.append(0)
        assert codes[0] == 403
        assert codes[-1] == 0
        assert set(codes) == {403, 0}
        assert not made.calls


@pytest.mark.parametrize(("trust", "caller"), [(True, "+442079460100"), (False, "0123")])
async def test_only_a_trusted_trunk_says_who_calls(tmp_path: Path, trust: bool, caller: str) -> None:
    trunks = [{"name": "here", "addresses": ["127.0.0.1/32"], "trust": trust}]
    async with front(tmp_path, cards=1, trunks=trunks) as made:
        asserted = "P-Asserted-Identity: <sip:+442079460100@example.com>\r\nX-Trunk: another\r\n"
        async with made.call(caller="0123", extra=asserted) as probe:
            await probe.answered()
        assert [(call.caller, call.trunk) for call in made.calls] == [(caller, "here")]


@SHARED
async def test_a_card_that_is_frozen_is_passed_over_within_two_seconds_and_comes_back(edge: Front) -> None:
    """Frozen is worse than dead: nothing refuses, nothing answers."""
    os.kill(edge.cards.pids[0], signal.SIGSTOP)
    loop = asyncio.get_running_loop()
    try:
        took: list[float] = []
        async with AsyncExitStack() as stack:
            # They stay: the card that has none is the next to be asked, so the frozen one is.
            for _ in range(3):
                began = loop.time()
                probe = await stack.enter_async_context(edge.call())
                await probe.answered()
                took.append(loop.time() - began)
        assert max(took) < 2.0, took
        await edge.up(1)
    finally:
        os.kill(edge.cards.pids[0], signal.SIGCONT)
    await edge.up(2)


async def test_a_draining_edge_takes_no_more_calls_and_ends_with_the_last(tmp_path: Path) -> None:
    async with front(tmp_path, cards=1) as made:
        serving = asyncio.create_task(made.edge.serve())
        async with made.call() as live:
            await live.answered()
            made.edge.drain()
            async with asyncio.timeout(5):
                while not (await ask(made.plan)).draining:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            async with made.call() as late:
                with pytest.raises(Refused, match="503"):
                    await late.answered()
            assert live.live
            assert not serving.done()
            await live.hang_up()
        async with asyncio.timeout(10):
            await serving


@SHARED
@pytest.mark.long
async def test_calls_outlive_a_restart_of_kamailio_and_can_be_ended_by_either_side(edge: Front) -> None:
    async with edge.call() as one, edge.call() as other:
        for probe in (one, other):
            await probe.answered()
        before = edge.edge.pids["kamailio"]
        os.kill(before, signal.SIGTERM)
        await until(lambda: edge.edge.pids["kamailio"] not in (0, before))
        await edge.edge._answers(next(child for child in edge.edge.children if child.name == "kamailio"))
        await edge.up(2)
        count = len(one.rtp.packets)
        await until(lambda: len(one.rtp.packets) > count + 20)
        assert len(await relayed(edge)) == 2
        assert await one.hang_up() == 200
        for call in edge.calls:
            call._line.hang_up(EndReason.DRAINED)
        assert await other.ended() == "bye"
        async with asyncio.timeout(5):
            while await relayed(edge):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)


@SHARED
@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_live_call_is_heard_both_ways_after_a_restart_of_the_relay(edge: Front, how: signal.Signals) -> None:
    async with edge.call() as probe:
        await probe.answered()
        ear = edge.ears[-1]
        await until(lambda: strength(probe.rtp.audio()[-8000:], 440) > 1000)
        before = edge.edge.pids["rtpengine"]
        os.kill(before, how)
        await until(lambda: edge.edge.pids["rtpengine"] not in (0, before))
        count = len(probe.rtp.packets)
        await until(lambda: len(probe.rtp.packets) > count + 50)
        assert strength(probe.rtp.audio()[-8000:], 440) > 1000
        probe.rtp.play(tone(700, 1.0))
        await ear.until(lambda: strength(ear.heard[-4000:], 700) > 1000)
        assert await probe.hang_up() == 200
        async with asyncio.timeout(5):
            while await relayed(edge):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)


@SHARED
@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_calls_need_no_redis_to_go_on_and_to_begin(edge: Front, how: signal.Signals) -> None:
    pid = edge.edge.pids["redis"]
    async with edge.call() as probe:
        await probe.answered()
        os.kill(pid, how)
        try:
            count = len(probe.rtp.packets)
            assert await heard(edge)
            await until(lambda: len(probe.rtp.packets) > count + 50)
            assert await probe.hang_up() == 200
        finally:
            if how is signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)


async def relayed(made: Front) -> list[str]:
    """Call-IDs of the calls that rtpengine relays (its NG protocol)."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        await loop.sock_connect(end, ("127.0.0.1", made.plan.edge.control_port))
        await loop.sock_sendall(end, f"{secrets.token_hex(4)} d7:command4:liste".encode())
        async with asyncio.timeout(2):
            told = (await loop.sock_recv(end, 65_535)).decode()
    calls = told.partition("5:callsl")[2].partition("e6:result")[0]
    return re.findall(r"\d+:([^:]+?)(?=\d+:|$)", calls)


@SHARED
async def test_a_program_that_is_killed_runs_again_and_takes_calls(edge: Front) -> None:
    for name in ("kamailio", "rtpengine", "redis"):
        before = edge.edge.pids[name]
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(15):
            while edge.edge.pids[name] in (0, before):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while not await heard(edge):  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def heard(made: Front) -> bool:
    """Whether a call is answered and has audio."""
    async with made.call() as probe:
        try:
            await probe.answered(timeout=2)
            await until(lambda: any(not packet.silent for packet in probe.rtp.packets), 2)
        except (Refused, TimeoutError):
            return False
        return True
