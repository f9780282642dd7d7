"""Callers that behave differently from a line card: other digits, no ACK, no media, hold, transfers."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

from ops.witness.probe import Probe, Refused, no_common_codec, offer, until
from ops.witness.rtp import is_silent
from phone_daemon.events import Digit, EndReason, HoldChanged, PlayoutDone, TransferFailed
from phone_daemon.settings.settings import SipSettings
from tests.wire.calls import PATIENCE_S, Ear, call, card, gapless, rms, rung, tone, uri

SHORT = SipSettings(port=0, rtp_timeout_s=0.4, ack_timeout_s=0.6)
LONG_TONE = tone(440, 8.0)
LOUD = rms(LONG_TONE)


async def test_an_offer_without_a_codec_of_ours_is_488() -> None:
    async with card() as ours, Probe(uri(ours), sdp=no_common_codec) as probe:
        with pytest.raises(Refused) as refused:
            await probe.answered()
        assert refused.value.code == 488


@pytest.mark.parametrize(("codecs", "chosen"), [(("PCMU", "PCMA", "G722"), "0"), (("PCMA", "G722", "PCMU"), "8")])
async def test_our_order_of_codecs_decides_and_not_the_offers(codecs: tuple[str, ...], chosen: str) -> None:
    def order(port: int) -> str:
        return offer(port).replace("AVP 0", "AVP 9 8 0") + "a=x:" + "y" * 900 + "\r\n"

    async with card(SipSettings(port=0, codecs=codecs)) as ours, Probe(uri(ours), sdp=order) as probe:
        (await rung(ours)).answer()
        for answer in (await probe.answered(), await probe.ask("INVITE", order(probe.rtp.port))):
            assert re.findall(r"m=audio \d+ RTP/AVP (\d+) 101", answer.body) == [chosen]


@pytest.mark.parametrize(("said", "meant"), [("s=-\r\n", ""), ("s=-", "s="), ("\r\n", "\n"), ("AVP 0", "AVP 99 0")])
async def test_an_offer_that_is_spelled_otherwise_is_taken(said: str, meant: str) -> None:
    async with card() as ours, Probe(uri(ours), sdp=lambda port: offer(port).replace(said, meant)) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        probe.rtp.play(LONG_TONE)
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)


async def test_video_is_declined_and_the_audio_taken() -> None:
    video = "m=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    async with card() as ours, Probe(uri(ours), sdp=lambda port: offer(port) + video) as probe:
        (await rung(ours)).answer()
        lines = re.findall(r"m=(\w+) (\d+)", (await probe.answered()).body)
        assert [(kind, port == "0") for kind, port in lines] == [("audio", False), ("video", True)]


async def test_a_refusal_says_when_to_try_again() -> None:
    async with card() as ours, Probe(uri(ours)) as probe:
        (await rung(ours)).refuse(503, retry_after=7)
        with pytest.raises(Refused) as refused:
            await probe.answered()
        assert refused.value.code == 503
        assert refused.value.headers["retry-after"] == "7"


async def test_digits_by_rfc_4733_and_by_both_kinds_of_info_arrive_once_each() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        assert await probe.info("5") == 200
        for body in ("6", "Signal=7\r\nDuration=160\r\n"):
            assert (await probe.ask("INFO", body, "application/dtmf")).code == 200
        probe.rtp.press("89#")
        await ear.until(lambda: Digit("#") in ear.events)
        assert "".join(event.digit for event in ear.told if isinstance(event, Digit)) == "56789#"


BODIES = (
    *("Signal=5", "Signal=5\r\nDuration=", "Signal=", "Signal", "signal=5\nduration=250", "Signal=5;Duration=250"),
    *("5", " ", "Signal=5\r\nDuration=99999999999\r\n", "\r\n\r\n", "Signal=\0", "=" * 900),
)


async def test_no_body_of_an_info_harms_another_call_on_the_card() -> None:
    async with card() as ours, call(ours) as (_, other), call(ours) as (probe, _):
        for kind in ("application/dtmf-relay", "application/dtmf", "application/dtmf-relay;x", "x/y"):
            for body in BODIES:
                assert (await probe.ask("INFO", body, kind)).code in (200, 415), (kind, body)
        await other.ticks(5)
        assert ours.alive


async def test_a_torn_offer_is_refused_and_no_call_is_lost() -> None:
    async with card() as ours, call(ours) as (_, other), call(ours) as (probe, _):
        whole = offer(probe.rtp.port)
        torn = [whole[:length] for length in range(1, len(whole), 9)]
        odd = ["RTP/AVP", "audio", "IN IP4", "0 101", "rtpmap:0", "127.0.0.1", "v=0", "ptime:20"]
        for body in (*torn, *(whole.replace(word, "") for word in odd), whole * 3):
            assert (await probe.ask("UPDATE", body)).code < 500, body
        await other.ticks(5)
        assert ours.alive


async def test_what_pbxes_ask_as_a_sign_of_life_is_answered_with_200() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        for method in ("OPTIONS", "INFO", "UPDATE"):
            assert (await probe.ask(method)).code == 200, method
        assert (await probe.ask("INFO", "<x/>", "application/media_control+xml")).code == 415
        await ear.ticks(5)


async def test_a_notify_that_nobody_asked_for_is_481() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        assert (await probe.ask("NOTIFY", "SIP/2.0 200 OK\r\n", "message/sipfrag")).code == 481
        await ear.ticks(5)


async def test_a_request_that_does_not_belong_in_a_call_is_refused_and_the_call_goes_on() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        for method, code in (("SUBSCRIBE", 489), ("PUBLISH", 405), ("REGISTER", 405), ("INFORM", 405)):
            assert (await probe.ask(method)).code == code, method
        await ear.ticks(5)


async def test_a_new_offer_without_a_codec_of_ours_is_488_and_the_call_goes_on() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        for method in ("UPDATE", "INVITE"):
            assert (await probe.ask(method, no_common_codec(probe.rtp.port))).code == 488, method
        probe.rtp.play(LONG_TONE)
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        assert (await probe.ask("UPDATE", offer(probe.rtp.port))).code == 200


async def test_a_card_without_room_says_when_to_try_again() -> None:
    async with card() as ours, contextlib.AsyncExitStack() as calls:
        for _ in range(ours.max_calls):
            await calls.enter_async_context(call(ours))
        async with Probe(uri(ours)) as late:
            with pytest.raises(Refused) as refused:
                await late.answered()
        assert refused.value.code == 503
        assert int(refused.value.headers["retry-after"]) > 0


async def test_a_call_that_is_never_acknowledged_ends_and_frees_its_slot() -> None:
    async with card(SHORT) as ours, Probe(uri(ours), acknowledge=False) as probe:
        closed = await Ear((await rung(ours)).answer()).closed()
        assert closed.reason is EndReason.NO_ACK
        assert await probe.ended() == "bye"
        async with asyncio.timeout(PATIENCE_S):
            while (await ours.stats()).calls:
                pass


async def test_a_new_offer_whose_answer_is_never_acknowledged_ends_the_call() -> None:
    async with card(SHORT) as ours, call(ours) as (probe, ear):
        assert (await probe.ask("INVITE", offer(probe.rtp.port))).code == 200
        await ear.ticks(50)  # Acknowledged, it goes on for longer than an ACK may take.
        send = probe._send
        probe._send = (  # type: ignore[method-assign]
            lambda datagram, target: None if datagram.startswith(b"ACK") else send(datagram, target)
        )
        assert (await probe.ask("INVITE", offer(probe.rtp.port))).code == 200
        assert (await ear.closed()).reason is EndReason.NO_ACK
        assert await probe.ended() == "bye"


async def test_a_caller_whose_name_is_in_latin_1_has_one() -> None:
    async with card() as ours:
        probe = Probe(uri(ours), caller="49301234")
        request = probe._request
        probe._request = lambda *args, **named: request(*args, **named).replace(  # type: ignore[method-assign]
            b"From: <sip:49301234@", 'From: "Jürgen" <sip:49301234@'.encode("latin-1")
        )
        async with probe:
            incoming = await rung(ours)
            assert incoming.caller_name == "Jürgen"
            ear = Ear(incoming.answer())
            await probe.answered()
            await ear.ticks(5)


async def test_a_caller_who_hangs_up_before_the_ack_has_hung_up() -> None:
    async with card() as ours, Probe(uri(ours), acknowledge=False) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        assert await probe.hang_up() == 200
        assert (await ear.closed()).reason is EndReason.CALLER_HUNG_UP


async def test_no_word_is_spoken_before_the_ack_and_none_is_lost() -> None:
    async with card() as ours, Probe(uri(ours), acknowledge=False) as probe:
        probe.rtp.sending = False
        ear = Ear((await rung(ours)).answer())
        ear.line.play(1, tone(1000, 0.3))
        ear.line.finish(1)
        await probe.answered()
        await ear.ticks(25)
        assert all(is_silent(packet.payload) for packet in list(probe.rtp.packets))
        probe.acknowledge()
        done = await ear.event(PlayoutDone)
        assert isinstance(done, PlayoutDone)
        assert (done.played, done.underruns) == (2400, 0)
        await ear.ticks(5)
        assert sum(not is_silent(packet.payload) for packet in list(probe.rtp.packets)) == 15


async def test_the_callers_first_rtp_opens_the_path_as_the_ack_does() -> None:
    async with card() as ours, Probe(uri(ours), acknowledge=False) as probe:
        ear = Ear((await rung(ours)).answer())
        ear.line.play(1, tone(1000, 0.3))
        ear.line.finish(1)
        await ear.event(PlayoutDone)
        assert await probe.answered()


@pytest.mark.parametrize("ending", ["hang_up", "transfer"])
async def test_the_agents_last_word_has_time_to_arrive(ending: str) -> None:
    async with card() as ours, call(ours) as (probe, ear):
        ear.line.play(1, tone(1000, 0.3) + bytes(320))
        ear.line.finish(1)
        await ear.event(PlayoutDone)
        if ending == "hang_up":
            ear.line.hang_up()
        else:
            ear.line.transfer("sip:desk@127.0.0.1:9")
        await until(lambda: probe.byes or probe.transferred_to)
        packets = [is_silent(packet.payload) for packet in list(probe.rtp.packets)]
        # Counted in frames of 20 ms: 150 to 300 ms.
        assert 8 <= packets[::-1].index(False) <= 15


async def test_a_call_without_media_ends_by_the_clock_and_frees_its_slot() -> None:
    async with card(SHORT) as ours, contextlib.AsyncExitStack() as calls:
        for _ in range(ours.max_calls):
            probe = await calls.enter_async_context(Probe(uri(ours), sdp=lambda _: ""))
            ear = Ear((await rung(ours)).answer())
        await probe.answered()
        closed = await ear.closed()
        assert (closed.reason, closed.detail) == (EndReason.FAILED, "no media was agreed on within 0.6 s")
        assert await probe.ended() == "bye"
        async with asyncio.timeout(PATIENCE_S):
            while (await ours.stats()).calls:
                pass
        async with call(ours) as (_, ear):
            await ear.ticks(5)


@pytest.mark.parametrize("how", ["sendonly", "inactive", "0.0.0.0"])
async def test_on_hold_nothing_is_said_or_heard_and_nothing_is_lost(how: str) -> None:
    async with card(SHORT) as ours, call(ours) as (probe, ear):
        held = offer(probe.rtp.port)
        held = held.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {how}") if "." in how else held.replace("sendrecv", how)
        assert (await probe.ask("INVITE", held)).code == 200
        assert await ear.event(HoldChanged) == HoldChanged(held=True)
        ear.line.play(1, tone(1000, 0.3))
        ear.line.finish(1)
        probe.rtp.play(LONG_TONE)
        await ear.ticks(40)  # Longer than the RTP timeout: while on hold, the caller may send nothing.
        assert [frame.agent for frame in ear.frames[-30:]] == [b""] * 30
        assert rms(b"".join(frame.pcm for frame in ear.frames[-30:])) == 0
        assert (ear.frames[-1].played, ear.frames[-1].queued) == (0, 2400)
        assert (await probe.ask("INVITE", offer(probe.rtp.port))).code == 200
        done = await ear.event(PlayoutDone)
        assert isinstance(done, PlayoutDone)
        assert (done.played, done.underruns) == (2400, 0)
        assert HoldChanged(held=False) in ear.events
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        assert gapless(ear.frames)


@pytest.mark.parametrize("how", ["inactive", "0.0.0.0"])
async def test_a_call_that_begins_on_hold_is_one_and_goes_on_when_it_is_taken_off(how: str) -> None:
    """A PBX that parks the call before it connects anybody."""

    def held(port: int) -> str:
        sdp = offer(port)
        return sdp.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {how}") if "." in how else sdp.replace("sendrecv", how)

    async with card(SHORT) as ours, Probe(uri(ours), sdp=held) as probe:
        ear = Ear((await rung(ours)).answer())
        await probe.answered()
        assert await ear.event(HoldChanged) == HoldChanged(held=True)
        await ear.ticks(40)
        probe.rtp.play(LONG_TONE)
        assert (await probe.ask("INVITE", offer(probe.rtp.port))).code == 200
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        assert HoldChanged(held=False) in ear.events
        assert gapless(ear.frames)


@pytest.mark.parametrize("place", ["IP4 nobody.invalid", "IP6 ::1"])
async def test_a_new_offer_that_leads_nowhere_is_488_and_the_call_goes_on(place: str) -> None:
    async with card() as ours, call(ours) as (probe, ear):
        moved = offer(probe.rtp.port).replace("c=IN IP4 127.0.0.1", f"c=IN {place}")
        assert (await probe.ask("INVITE", moved)).code == 488
        probe.rtp.play(LONG_TONE)
        await ear.until(lambda: rms(ear.heard[-640:]) > LOUD / 2)
        named = offer(probe.rtp.port).replace("c=IN IP4 127.0.0.1", "c=IN IP4 localhost")
        assert (await probe.ask("INVITE", named)).code == 200


async def test_a_caller_who_is_muted_is_not_on_hold() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        assert (await probe.ask("INVITE", offer(probe.rtp.port).replace("sendrecv", "recvonly"))).code == 200
        ear.line.play(1, tone(1000, 0.3))
        ear.line.finish(1)
        await ear.event(PlayoutDone)
        assert not any(isinstance(event, HoldChanged) for event in ear.events)


async def test_a_transfer_ends_the_call_with_the_final_notify_and_not_before() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        ear.line.transfer("sip:front-desk@127.0.0.1:9")
        await until(lambda: probe.transferred_to)
        assert probe.transferred_to == "sip:front-desk@127.0.0.1:9"
        for status in ("100 Trying", "180 Ringing"):
            assert await probe.notify(status) == 200
            await ear.ticks(10)
            assert probe.byes == 0
        assert await probe.notify("200 OK", last=True) == 200
        assert (await ear.closed()).reason is EndReason.TRANSFERRED
        assert await probe.ended() == "bye"


async def test_a_caller_who_leaves_during_a_transfer_was_transferred() -> None:
    async with card() as ours, call(ours) as (probe, ear):
        ear.line.transfer("sip:front-desk@127.0.0.1:9")
        await until(lambda: probe.transferred_to)
        await probe.hang_up()
        assert (await ear.closed()).reason is EndReason.TRANSFERRED


async def asked_for(probe: Probe, target: str) -> None:
    """Waits until the caller's telephone has been told to call `target`."""
    await until(lambda: probe.transferred_to == target)


async def transfers_failed(ear: Ear, count: int) -> None:
    await ear.until(lambda: sum(isinstance(event, TransferFailed) for event in ear.events) == count)


@pytest.mark.parametrize(("how", "code"), [("refused", 405), ("busy", 486), ("slow", 408)])
async def test_a_transfer_that_fails_leaves_the_caller_with_us_and_may_be_tried_again(how: str, code: int) -> None:
    settings = SipSettings(port=0, transfer_timeout_s=1.0)
    async with card(settings) as ours, call(ours) as (probe, ear):
        for attempt in (1, 2):
            probe.refer_code = 405 if how == "refused" else 202
            ear.line.transfer(f"sip:{attempt}@127.0.0.1:9")
            await asked_for(probe, f"sip:{attempt}@127.0.0.1:9")
            if how == "busy":
                await probe.notify("100 Trying")
                await probe.notify("486 Busy Here", last=True)
            await transfers_failed(ear, attempt)
        failed = await ear.event(TransferFailed)
        assert isinstance(failed, TransferFailed)
        assert failed.code == code
        assert probe.byes == 0
        ear.line.play(1, tone(1000, 0.3))
        ear.line.finish(1)
        await ear.event(PlayoutDone)


async def test_a_caller_cannot_make_us_call_somebody() -> None:
    async with card() as ours, call(ours) as (probe, ear), card() as victim:
        request = probe._request
        probe._request = lambda *args, **named: request(*args, **named).replace(  # type: ignore[method-assign]
            b"Max-Forwards", f"Refer-To: <{uri(victim)}>\r\nMax-Forwards".encode(), 1
        )
        assert (await probe.ask("REFER")).code == 403
        await ear.ticks(10)
        assert victim.incoming.empty()
