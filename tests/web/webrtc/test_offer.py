"""Which offers are accepted, and the answers to the others."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack
from aiortc.sdp import SessionDescription

from phone_daemon.web.webrtc.offer import MAX_BYTES, MAX_CANDIDATES, BadOffer, complete, fragment, judge

CHROMIUM = "\r\n".join(
    """v=0
o=- 4611732 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=ice-options:trickle
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:- 33
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:11 cname:x
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
""".splitlines()
)


def without(name: str) -> str:
    return "\r\n".join(line for line in CHROMIUM.splitlines() if not line.startswith(name))


def test_a_browsers_offer_is_taken() -> None:
    """Chromium 140's, shortened."""
    offer = judge(CHROMIUM.encode())
    assert (offer.opus, offer.keys) == (111, {110: 48000, 126: 8000})


async def test_an_offer_of_aiortc_is_taken_and_the_answer_completed() -> None:
    """The answer says how we want Opus, and is still SDP that aiortc reads."""
    caller, callee = RTCPeerConnection(), RTCPeerConnection()
    try:
        caller.addTrack(AudioStreamTrack())
        await caller.setLocalDescription(await caller.createOffer())
        offer = judge(caller.localDescription.sdp.encode())
        await callee.setRemoteDescription(caller.localDescription)
        await callee.setLocalDescription(await callee.createAnswer())
        answer = complete(callee.localDescription.sdp, offer)
        assert f"a=fmtp:{offer.opus} " in answer and "useinbandfec=1" in answer
        assert SessionDescription.parse(answer).media[0].rtp.codecs[0].parameters["useinbandfec"] == 1
    finally:
        await caller.close()
        await callee.close()


def test_other_codecs_are_left_out() -> None:
    """Anything that aiortc would accept but we would not hear is not passed on to it."""
    sdp = judge(CHROMIUM.encode()).sdp
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111 110 126\r\n" in sdp
    assert re.findall(r"a=rtpmap:(\d+)", sdp) == ["111", "110", "126"]
    assert "a=fmtp:63" not in sdp and "a=fmtp:111" in sdp


@pytest.mark.parametrize(
    ("sdp", "status", "says"),
    [
        ("", 400, "not SDP"),
        ("GET / HTTP/1.1\r\n", 400, "not SDP"),
        ("v=0\r\n" + "a=" + "x" * 2000 + "\r\n", 400, "line 2"),
        ("v=0\r\ns=\x00\r\n", 400, "line 2"),
        ("v=0\r\ns=-\r\n", 422, "no audio"),
        (without("m=audio"), 422, "no audio"),
        (without("a=rtpmap:111"), 422, "no Opus"),
        (without("a=fingerprint"), 422, "a=fingerprint"),
        (without("a=ice-pwd"), 422, "a=ice-pwd"),
        (without("a=rtcp-mux"), 422, "rtcp-mux"),
        (CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 2"), 422, "BUNDLE"),
        (CHROMIUM.replace("a=mid:1", "a=mid:0"), 422, "BUNDLE"),
        (CHROMIUM.replace("m=application", "m=video"), 422, "video"),
        (CHROMIUM.replace("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 RTP/AVP 0"), 422, "2 audio"),
        (CHROMIUM.replace("m=application 9 UDP/DTLS/SCTP", "m=text 9 RTP/AVP"), 422, "more than audio"),
        (CHROMIUM.replace("a=sendrecv", "a=recvonly"), 422, "only listens"),
        (CHROMIUM.replace("SAVPF 111 63", "SAVPF opus 63"), 400, "payload types"),
        (CHROMIUM.replace("m=audio 9", "m=audio"), 400, "media line"),
        (CHROMIUM + "\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host" * (MAX_CANDIDATES + 1), 422, "candidates"),
        (CHROMIUM + "a=x:y\r\n" * MAX_BYTES, 413, "bytes"),
    ],
)
def test_any_other_offer_is_refused_with_one_line(sdp: str, status: int, says: str) -> None:
    with pytest.raises(BadOffer, match=says) as refused:
        judge(sdp.encode())
    assert refused.value.status == status
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadOffer, match="UTF-8"):
        judge(b"v=0\r\ns=\xff\xfe\r\n")


def test_candidates_come_with_the_section_they_belong_to() -> None:
    """RFC 9725's example of a fragment."""
    text = "a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    text += "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
    assert fragment(text).ufrags == {"EsAw"}
    assert fragment(text).candidates == [("0", "1387637174 1 udp 2122260223 192.0.2.1 61764 typ host")]


def test_too_many_candidates_are_refused() -> None:
    with pytest.raises(BadOffer, match="candidates"):
        fragment("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * (MAX_CANDIDATES + 1))
