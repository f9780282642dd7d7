"""What strangers, signals, and dead parts can do to a running daemon: nothing that is not reported in one line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ops.live.daemon_process import DaemonProcess
from ops.live.processes import children
from ops.witness.probe import Probe, Refused, no_common_codec, until
from ops.witness.rtp import RtpEnd, continuity, segments
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.events import EndReason

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]
BOOKING = Path(__file__).parents[1] / "fixtures/calls/books_an_appointment"


def voice() -> bytes:
    """A caller who asks for an appointment, 8 kHz 16-bit mono."""
    with wave.open(str(min(BOOKING.glob("*.wav")))) as file:
        return bytes(file.readframes(file.getnframes()))


def spoken(rtp: RtpEnd, since_ns: int = 0) -> int:
    """Packets with sound that arrived since a moment."""
    return sum(not packet.silent for packet in rtp.since(since_ns))


async def hears_agent(probe: Probe, since_ns: int = 0) -> None:
    await until(lambda: spoken(probe.rtp, since_ns) >= 10)


async def agent_done(probe: Probe) -> None:
    """Waits until the agent has said something and has then been silent for half a second."""

    def done() -> bool:
        packets = list(probe.rtp.packets)
        said = segments(packets, gap_s=0.5)
        return bool(said) and packets[-1].at_ns - said[-1].last_ns > 0.5e9

    await until(done, timeout=30)


def turns(daemon: DaemonProcess) -> list[str]:
    """What the daemon recognized from its last caller."""
    file = daemon.calls()[-1] / "turns.jsonl"
    return [json.loads(line)["caller"] for line in file.read_text().splitlines()] if file.exists() else []


# ------------------------------------------------------------------------------------------------ INVITEs

OFF = {"state": {"url": "off"}}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    """A daemon that survives everything that is done to it."""
    async with DaemonProcess(tmp_path_factory.mktemp("lasting"), OFF) as daemon:
        yield daemon


@pytest_asyncio.fixture(loop_scope="module")
async def daemon(lasting: DaemonProcess) -> DaemonProcess:
    """The same, without calls from the previous test."""
    await lasting.idle()
    return lasting


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    """A daemon that drops callers soon, and has one dialplan, for one number."""
    sections = {
        "dialplans": [str(SHIPPED / "parcel_line.toml")],
        "sip": {"ack_timeout_s": 1, "rtp_timeout_s": 1},
        **OFF,
    }
    async with DaemonProcess(tmp_path_factory.mktemp("hasty"), sections) as daemon:
        yield daemon


async def test_a_caller_without_a_codec_in_common_gets_488(daemon: DaemonProcess) -> None:
    async with Probe(daemon.uri(), sdp=no_common_codec) as probe:
        with pytest.raises(Refused) as refusal:
            await probe.answered()
        assert refusal.value.code == 488
    async with Probe(daemon.uri()) as probe:  # and the next caller is served
        await probe.answered()


async def test_a_number_that_no_dialplan_answers_gets_404(hasty: DaemonProcess) -> None:
    async with Probe(hasty.uri("no-such-number")) as probe:
        with pytest.raises(Refused) as refusal:
            await probe.answered()
        assert refusal.value.code == 404


async def test_a_fifth_caller_is_told_to_come_back_and_the_four_are_undisturbed(daemon: DaemonProcess) -> None:
    probes = [Probe(daemon.uri(), caller=f"caller-{n}") for n in range(4)]
    async with probes[0], probes[1], probes[2], probes[3]:
        for probe in probes:
            await probe.answered()
            await hears_agent(probe)
        async with Probe(daemon.uri(), caller="fifth") as fifth:
            with pytest.raises(Refused) as refusal:
                await fifth.answered()
        # 486 says enough by itself (RFC 3261 section 21.4.24); 503 must say until when (21.5.4).
        busy = refusal.value.code == 486
        assert busy or (refusal.value.code == 503 and int(refusal.value.headers["retry-after"]) > 0)
        heard = [len(probe.rtp.packets) for probe in probes]
        for probe, before in zip(probes, heard, strict=True):
            await until(lambda probe=probe, before=before: len(probe.rtp.packets) > before + 25)  # type: ignore[misc]
            assert probe.live
            assert continuity(probe.rtp.packets).lost == 0


async def test_datagrams_that_are_not_sip_hurt_nobody(daemon: DaemonProcess) -> None:
    garbage = [
        b"",
        b"\x00" * 1400,
        os.urandom(900),
        b"INVITE",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: \xff\xfe\r\nCSeq: x\r\n\r\n",
        b"INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: 99999\r\n\r\nv=0\r\nm=",
        b"OPTIONS sip:" + b"A" * 3000 + b" SIP/2.0\r\n\r\n",
    ]
    async with Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for datagram in garbage:
                stranger.sendto(datagram, ("127.0.0.1", daemon.port))
        heard = len(probe.rtp.packets)
        await until(lambda: len(probe.rtp.packets) > heard + 25)
        assert probe.live
        assert continuity(probe.rtp.packets).lost == 0
        async with Probe(daemon.uri(), caller="next") as following:
            await following.answered()
            await hears_agent(following)


async def test_callers_who_hang_up_and_call_again_at_once_are_all_served(daemon: DaemonProcess) -> None:
    """pjsua2 reuses a call's slot before it has finished with the first call; nobody may notice."""

    async def redial(name: str) -> None:
        for _ in range(4):
            async with Probe(daemon.uri(), caller=name) as probe:
                await probe.answered()
                await hears_agent(probe)
                assert probe.live

    before = daemon.log().count(str(EndReason.CALLER_HUNG_UP))
    await asyncio.gather(*(redial(f"caller-{lane}") for lane in range(4)))
    await daemon.idle()
    assert daemon.log().count(str(EndReason.CALLER_HUNG_UP)) == before + 16


async def test_a_caller_who_never_acknowledges_is_let_go(hasty: DaemonProcess) -> None:
    async with Probe(hasty.uri("parcel"), acknowledge=False) as probe:
        await probe.answered()
        await until(lambda: "no_ack" in hasty.log())


async def test_a_caller_whose_audio_stops_is_let_go(hasty: DaemonProcess) -> None:
    async with Probe(hasty.uri("parcel")) as probe:
        await probe.answered()
        await hears_agent(probe)
        probe.rtp.sending = False
        assert await probe.ended() == "bye"
        await until(lambda: "rtp_timeout" in hasty.log())


# ------------------------------------------------------------------------------------------------ signals


async def draining(daemon: DaemonProcess) -> None:
    """Returns once the daemon has noticed the signal: on a busy machine a call may overtake it."""
    async with asyncio.timeout(10):
        while (await daemon.health())[0] != 503:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_sigterm_lets_live_calls_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon:
        async with Probe(daemon.uri()) as probe:
            await probe.answered()
            await hears_agent(probe)
            daemon.signal(signal.SIGTERM)
            await draining(daemon)
            async with Probe(daemon.uri(), caller="late") as late:
                with pytest.raises(Refused) as refusal:
                    await late.answered()
            assert refusal.value.code == 503
            heard = len(probe.rtp.packets)
            await until(lambda: len(probe.rtp.packets) > heard + 25)
            assert probe.live
            await probe.hang_up()
        assert await daemon.ended(10) == 0


async def test_a_call_that_outlasts_the_limit_is_ended_and_the_daemon_still_exits_well(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", {"calls": {"drain_s": 1}, **OFF}) as daemon:
        async with Probe(daemon.uri()) as probe:
            await probe.answered()
            await hears_agent(probe)
            daemon.signal(signal.SIGTERM)
            assert await probe.ended() == "bye"
        assert await daemon.ended(10) == 0


async def test_a_second_sigint_stops_at_once(tmp_path: Path) -> None:
    async with DaemonProcess(tmp_path / "var", OFF) as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        daemon.signal(signal.SIGINT)
        await draining(daemon)
        async with Probe(daemon.uri(), caller="late") as late:
            with pytest.raises(Refused):
                await late.answered()
        assert probe.live
        daemon.signal(signal.SIGINT)
        await asyncio.sleep(0.05)
        # Somebody impatient: it is cleaning up by now.
        daemon.signal(signal.SIGINT)
        assert await daemon.ended(10) == 130
        assert "Traceback" not in daemon.log()
        await until(lambda: not probe.live)


# ------------------------------------------------------------------------------------------------ parts that die


def child(daemon: DaemonProcess, *words: str) -> int:
    """The one child of the daemon whose command line has all `words`."""
    (found,) = [pid for pid, line in children(daemon.pid).items() if all(word in line for word in words)]
    return found


async def test_a_recognizer_killed_in_a_call_is_replaced_and_the_next_turn_is_recognized(daemon: DaemonProcess) -> None:
    async with Probe(daemon.uri()) as probe:
        await probe.answered()
        await agent_done(probe)
        killed = child(daemon, "sidecars", "--kind stt")
        os.kill(killed, signal.SIGKILL)
        await until(lambda: any("--kind stt" in line and pid != killed for pid, line in children(daemon.pid).items()))
        await agent_done(probe)
        said = probe.rtp.packets[-1].at_ns
        probe.rtp.play(voice())
        await hears_agent(probe, said)
        await probe.hang_up()
        await until(lambda: any("appointment" in turn for turn in turns(daemon)))


async def test_a_synthesizer_killed_in_a_call_does_not_end_it(daemon: DaemonProcess) -> None:
    async with Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        os.kill(child(daemon, "sidecars", "--engine hibari"), signal.SIGKILL)
        await agent_done(probe)
        said = probe.rtp.packets[-1].at_ns
        probe.rtp.play(voice())
        await hears_agent(probe, said)
        assert probe.live


async def test_a_line_card_that_dies_costs_its_calls_and_is_replaced(daemon: DaemonProcess) -> None:
    async with Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        os.kill(child(daemon, "line_card"), signal.SIGKILL)
        await until(lambda: "line_card_died" in daemon.log())
        async with Probe(daemon.uri(), caller="next") as following:
            await following.answered()
            await hears_agent(following)


async def test_a_redis_killed_in_a_call_costs_no_audio_and_readiness_says_degraded(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: refuses connections for the rest of the test
        gone = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        async with DaemonProcess(tmp_path / "off", {"state": {"url": gone}}) as daemon, Probe(daemon.uri()) as probe:
            await probe.answered()
            await hears_agent(probe)
            code, body = await daemon.health()
            assert "degraded" in body, (code, body)
    async with DaemonProcess(tmp_path / "var") as daemon, Probe(daemon.uri()) as probe:
        await probe.answered()
        await hears_agent(probe)
        os.kill(child(daemon, "redis-server"), signal.SIGKILL)
        heard = len(probe.rtp.packets)
        await until(lambda: len(probe.rtp.packets) > heard + 50)
        assert probe.live
        assert continuity(probe.rtp.packets).lost == 0
