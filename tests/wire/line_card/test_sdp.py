"""Session descriptions as written by telephones and PBXes."""

from __future__ import annotations

import pytest

from ops.witness.probe import no_common_codec, offer
from phone_daemon.wire.line_card.sdp import Audio, alone, audio, prefer, speaks

OURS = ("PCMU", "PCMA", "G722")


def test_the_stream_is_read_with_its_address_codecs_and_direction() -> None:
    assert audio(offer(4000)) == Audio("127.0.0.1", 4000, ("PCMU", "TELEPHONE-EVENT"), "sendrecv")


def test_what_stands_for_the_whole_session_counts_where_the_stream_says_nothing() -> None:
    lines = "v=0\nc=IN IP4 192.0.2.1/127\na=sendonly\nm=audio 5000/2 RTP/AVP 9 8 96\na=rtpmap:96 opus/48000/2\n"
    assert audio(lines) == Audio("192.0.2.1", 5000, ("G722", "PCMA"), "sendonly")
    assert audio(lines + "c=IN IP4 192.0.2.2\na=recvonly\n") == Audio("192.0.2.2", 5000, ("G722", "PCMA"), "recvonly")


def test_a_refused_stream_and_one_that_is_no_audio_are_passed_over() -> None:
    lines = "m=audio 0 RTP/AVP 0\nm=video 6000 RTP/AVP 96\nm=audio 5000 RTP/SAVP 0\nm=audio 5002 RTP/AVP 8\n"
    found = audio(lines)
    assert found is not None
    assert (found.port, found.codecs) == (5002, ("PCMA",))


TWICE = {
    "with SRTP": "m=audio 5000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
    "with DTLS": "m=audio 5000 UDP/TLS/RTP/SAVPF 0\r\n",
    "by IPv6": "m=audio 5000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n",
    "in another codec": "m=audio 5000/2 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n",
    "a second time": "m=audio 5000 RTP/AVP 0\r\n",
}


@pytest.mark.parametrize("way", TWICE)
def test_of_audio_that_is_offered_in_several_ways_only_one_that_we_can_take_is_left(way: str) -> None:
    head, mark, ours = offer(4000).partition("m=audio")
    ours, other = mark + ours, TWICE[way]
    refused = other.replace("5000/2", "0").replace("5000", "0")
    assert alone(head + ours + other, OURS) == head + ours + refused
    if way != "a second time":
        assert alone(head + other + ours, OURS) == head + refused + ours
    assert alone(head + ours, OURS) == head + ours


def test_what_we_cannot_take_at_all_stays_as_it_is() -> None:
    text = no_common_codec(4000) + TWICE["with SRTP"]
    assert alone(text, OURS) == text


@pytest.mark.parametrize(
    "text", ["", "m=", "m=audio", "m=audio x RTP/AVP 0", "m=audio ² RTP/AVP 0", "m=audio 99999 RTP/AVP 0", "\r\n" * 9]
)
def test_what_is_no_offer_is_none(text: str) -> None:
    assert audio(text) is None
    assert not speaks(audio(text), OURS)


def test_an_offer_is_for_us_when_it_names_a_codec_that_we_chose() -> None:
    assert speaks(audio(offer(4000)), OURS)
    assert not speaks(audio(offer(4000)), ("G722",))
    assert not speaks(audio(no_common_codec(4000)), OURS)


@pytest.mark.parametrize(("direction", "holds"), [("sendrecv", 0), ("recvonly", 0), ("sendonly", 1), ("inactive", 1)])
def test_hold_is_not_to_listen(direction: str, holds: int) -> None:
    found = audio(offer(4000).replace("sendrecv", direction))
    assert found is not None
    assert found.holds == bool(holds)


def test_the_old_way_to_hold_is_the_address_of_nobody() -> None:
    found = audio(offer(4000).replace("127.0.0.1", "0.0.0.0"))
    assert found is not None
    assert found.holds


def test_the_codec_of_an_answer_is_the_one_we_like_best_whatever_the_offers_order() -> None:
    answer = offer(4000).replace("AVP 0 101", "AVP 0 8 9 101").replace("a=fmtp", "a=rtpmap:9 G722/8000\r\na=fmtp")
    theirs = offer(5000).replace("AVP 0 101", "AVP 9 8 101 0")
    assert "m=audio 4000 RTP/AVP 0 101\r\n" in prefer(answer, theirs, OURS)
    chosen = prefer(answer, theirs, ("G722", "PCMU"))
    assert "m=audio 4000 RTP/AVP 8 9 101\r\n" in chosen
    assert "rtpmap:9 " in chosen
    assert "rtpmap:0 " not in chosen
    video = "m=video 0 RTP/AVP 0 8\r\n"
    assert prefer(answer + video, theirs, OURS).endswith(video)


def test_an_answer_to_an_offer_without_a_codec_of_ours_stays_as_it_is() -> None:
    assert prefer(offer(4000), no_common_codec(5000), OURS) == offer(4000)
