"""The bare SIP caller compared with SIPp, which is neither ours nor pjsip, and with the product's line card."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ops.live.ports import free_port
from ops.witness.probe import Probe, Refused, loopback, no_common_codec, until
from ops.witness.rtp import FRAME_SAMPLES, segments, to_ulaw
from phone_daemon.events import Digit, EndReason, Frame, LineClosed, LineEvent, PlayoutDone
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import LineCards
from tests.foreign.programs import need

TONE = b"".join(struct.pack("<h", round(9000 * math.sin(math.tau * 400 * n / 8000))) for n in range(4000))


@asynccontextmanager
async def sipp(*arguments: str) -> AsyncIterator[int]:
    """SIPp as the called side; yields its SIP port. It must have ended successfully when the block is left."""
    port, media = free_port(), free_port(even=True)
    process = await asyncio.create_subprocess_exec(
        need("sipp"), "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-mp", str(media), "-rtp_echo",
        "-m", "1", "-nostdin", "-timeout", "20", *arguments,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield port
        async with asyncio.timeout(15):
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def scenario(folder: Path, steps: str) -> str:
    """A SIPp scenario file."""
    file = folder / "scenario.xml"
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="called">\n{steps}\n</scenario>\n')
    return str(file)


ANSWER = """<send{extra}><![CDATA[

SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=sipp
[last_Call-ID:]
[last_CSeq:]
{lines}Content-Length: 0

]]></send>"""
RECEIVE = '<recv request="{method}"/>'


@pytest.mark.foreign
async def test_a_call_is_answered_spoken_on_and_hung_up() -> None:
    """SIPp echoes RTP: what was sent comes back, packet by packet."""
    async with sipp("-sn", "uas") as port, Probe(f"sip:100@127.0.0.1:{port}") as probe:
        await probe.answered()
        played = probe.rtp.play(TONE)
        assert await asyncio.to_thread(played.done.wait, 5)
        await until(lambda: sum(not packet.silent for packet in probe.rtp.packets) >= played.frames)
        await probe.hang_up()
        assert await probe.ended() == "hung_up"
        heard = b"".join(packet.payload for packet in probe.rtp.packets if not packet.silent)
        assert heard == to_ulaw(TONE)
        assert len(segments(probe.rtp.packets)) == 1
        assert len(heard) == played.frames * FRAME_SAMPLES
        assert probe.responses == [180, 200, 200]


@pytest.mark.foreign
async def test_a_refusal_is_acknowledged_and_told_with_its_headers(tmp_path: Path) -> None:
    """SIPp ends successfully only if the ACK of its 503 arrived (RFC 3261 section 17.1.1.3)."""
    refuse = ANSWER.format(extra="", status="503 Service Unavailable", lines="Retry-After: 7\n")
    steps = f"{RECEIVE.format(method='INVITE')}{refuse}{RECEIVE.format(method='ACK')}"
    async with sipp("-sf", scenario(tmp_path, steps)) as port, Probe(f"sip:100@127.0.0.1:{port}") as probe:
        with pytest.raises(Refused) as refused:
            await probe.answered()
        assert refused.value.code == 503
        assert refused.value.headers["retry-after"] == "7"
        assert await probe.ended() == "refused"


@pytest.mark.foreign
async def test_a_ringing_call_is_cancelled(tmp_path: Path) -> None:
    """CANCEL carries the INVITE's branch; its 487 is acknowledged (RFC 3261 section 9.1)."""
    ring = ANSWER.format(extra="", status="180 Ringing", lines="")
    invited = ANSWER.format(extra="", status="487 Request Terminated", lines="").replace(
        "[last_CSeq:]", "CSeq: [$number] INVITE"
    )
    remember = (
        '<recv request="INVITE"><action>'
        '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="number"/></action></recv>'
    )
    okay = ANSWER.format(extra="", status="200 OK", lines="")
    steps = f"{remember}{ring}{RECEIVE.format(method='CANCEL')}{okay}{invited}{RECEIVE.format(method='ACK')}"
    async with sipp("-sf", scenario(tmp_path, steps)) as port, Probe(f"sip:100@127.0.0.1:{port}") as probe:
        await until(lambda: 180 in probe.responses)
        await probe.cancel()
        assert await probe.ended() == "cancelled"
        assert probe.responses[-1] == 487


@pytest.mark.foreign
async def test_a_bye_from_the_other_side_is_answered_and_ends_the_call(tmp_path: Path) -> None:
    contact = "Contact: <sip:sipp@[local_ip]:[local_port]>\n"
    answer = ANSWER.format(extra=' retrans="500"', status="200 OK", lines=contact)
    bye = """<send retrans="500"><![CDATA[

BYE sip:probe@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:100@[local_ip]>;tag=sipp
To[$from]
[last_Call-ID:]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send><recv response="200"/>"""
    remember = (
        '<recv request="INVITE"><action>'
        '<ereg regexp=".*" search_in="hdr" header="From" assign_to="from"/></action></recv>'
    )
    steps = f"{remember}{answer}{RECEIVE.format(method='ACK')}{bye}"
    async with sipp("-sf", scenario(tmp_path, steps)) as port, Probe(f"sip:100@127.0.0.1:{port}") as probe:
        await probe.answered()
        assert await probe.ended() == "bye"
        assert probe.byes >= 1


@pytest.mark.foreign
async def test_a_caller_told_to_stay_silent_never_acknowledges(tmp_path: Path) -> None:
    """SIPp repeats its 200 because it gets no ACK; every copy is counted and none is answered."""
    contact = "Contact: <sip:sipp@[local_ip]:[local_port]>\n"
    answer = ANSWER.format(extra=' retrans="200"', status="200 OK", lines=contact)
    steps = f'{RECEIVE.format(method="INVITE")}{answer}<recv request="BYE" timeout="10000"/>' + ANSWER.format(
        extra="", status="200 OK", lines=""
    )
    async with (
        sipp("-sf", scenario(tmp_path, steps)) as port,
        Probe(f"sip:100@127.0.0.1:{port}", acknowledge=False) as probe,
    ):
        await probe.answered()
        await until(lambda: probe.responses.count(200) >= 2)


@asynccontextmanager
async def line_card() -> AsyncIterator[tuple[str, list[LineEvent]]]:
    """The product's line card, answering one call with a second of tone; yields its URI and what it reports."""
    told: list[LineEvent] = []
    async with LineCards(SipSettings(port=0)) as cards:

        async def answer() -> None:
            async for incoming in cards.incoming():
                line = incoming.answer()
                line.play(1, TONE + TONE)
                line.finish(1)
                async for event in line.events():
                    told.append(event)
                return

        answering = asyncio.create_task(answer())
        try:
            yield f"sip:100@127.0.0.1:{cards.ports[0]}", told
            await asyncio.wait_for(answering, 5)
        finally:
            answering.cancel()


async def test_probe_and_line_card_tell_the_same_story() -> None:
    """What each side reports as sent is what the other reports as received; digits by RFC 4733 and by INFO."""
    async with line_card() as (uri, told), Probe(uri) as probe:
        await probe.answered()
        probe.rtp.play(TONE)
        probe.rtp.press("4#")
        await until(lambda: sum(isinstance(event, Digit) for event in told) >= 2)
        assert await probe.info("7") == 200
        await until(lambda: any(isinstance(event, PlayoutDone) for event in told))
        await probe.hang_up()
    (played,) = [event for event in told if isinstance(event, PlayoutDone)]
    (heard,) = segments(probe.rtp.packets)
    assert heard.packets * FRAME_SAMPLES == played.played == len(TONE)
    assert sum(any(event.pcm) for event in told if isinstance(event, Frame)) >= len(TONE) / 2 / FRAME_SAMPLES
    assert [event.digit for event in told if isinstance(event, Digit)] == ["4", "#", "7"]
    assert isinstance(told[-1], LineClosed)
    assert told[-1].reason is EndReason.CALLER_HUNG_UP


async def test_nobody_at_the_other_end_is_a_timeout() -> None:
    async with Probe(f"sip:100@127.0.0.1:{free_port()}") as probe:
        with pytest.raises(TimeoutError):
            await probe.answered(timeout=0.3)


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "0.0.0.0", "10.0.0.1"])
async def test_only_loopback_is_called(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        loopback(host)
    with pytest.raises(ValueError, match="loopback"):
        Probe(f"sip:100@{host}")


def test_an_offer_without_a_common_codec_names_nothing_real() -> None:
    assert "PCMU" not in no_common_codec(4000)
    assert "m=audio 4000 RTP/AVP 97" in no_common_codec(4000)
