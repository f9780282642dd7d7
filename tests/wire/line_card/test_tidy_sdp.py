"""Session descriptions that pjmedia refuses are rewritten into ones that it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.witness.probe import no_common_codec, offer
from phone_daemon.wire.line_card.sdp import audio
from phone_daemon.wire.line_card.tidy_sdp import lean, tidied, tidy

CLEAN = offer(4000)


@pytest.mark.parametrize("sdp", [CLEAN, no_common_codec(4000), CLEAN + "m=video 0 RTP/AVP 31\r\n", "", "x", "v=0\r\n"])
def test_what_is_spelled_right_stays_as_it_is(sdp: str) -> None:
    assert tidy(sdp) == sdp


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("s=-\r\n", ""),
        ("s=-", "s="),
        ("o=probe 1 1 IN IP4 127.0.0.1\r\n", ""),
        ("v=0\r\n", ""),
        ("t=0 0\r\n", ""),
        ("IP4 127.0.0.1\r\nt=", "IP4 127.0.0.1/127\r\nt="),
        ("\r\n", "\n"),
        ("\r\n", "\r"),
        ("a=sendrecv", "a=sendrecv\r\na=\r\na=:x\r\ny=?"),
        ("m=audio 4000 RTP/AVP", " m=x\r\nm=audio  4000   RTP/AVP"),
        ("a=sendrecv\r\n", "a=sendrecv\r\n\r\n\0"),
    ],
)
def test_what_is_missing_or_misspelled_is_mended(said: str, meant: str) -> None:
    torn = CLEAN.replace(said, meant)
    assert torn != CLEAN
    mended = tidy(torn)
    assert audio(mended) == audio(CLEAN)
    assert [line[:2] for line in mended.split("\r\n")[:5]] == ["v=", "o=", "s=", "c=", "t="]


def test_lines_in_another_order_are_put_in_theirs() -> None:
    stream = "m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\nb=AS:64\r\nc=IN IP4 127.0.0.1\r\ni=x\r\n"
    ordered = "m=audio 4000 RTP/AVP 0\r\ni=x\r\nc=IN IP4 127.0.0.1\r\nb=AS:64\r\na=sendrecv\r\n"
    start = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    assert tidy(start + stream) == start + ordered


def test_numbers_of_an_origin_that_are_too_long_and_a_name_of_two_words_are_taken() -> None:
    torn = CLEAN.replace("o=probe 1 1", "o=my pbx 99999999999999999999999 18446744073709551617")
    assert "o=my_pbx 1 1 IN IP4 127.0.0.1\r\n" in tidy(torn)


def test_a_payload_type_that_nothing_describes_is_left_out() -> None:
    torn = CLEAN.replace("AVP 0 101", "AVP 111 96 18 0 101")
    assert "m=audio 4000 RTP/AVP 18 0 101\r\n" in tidy(torn)


def test_what_no_call_needs_is_left_out_of_a_lean_description() -> None:
    browser = CLEAN + "".join(f"a=candidate:{n} 1 UDP 1 192.0.2.1 {n} typ host\r\n" for n in range(100))
    browser += "m=video 6000 RTP/AVPF 96\r\nc=IN IP4 192.0.2.2\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\n"
    short = lean(browser)
    assert audio(short) == audio(CLEAN)
    assert short.endswith("a=sendrecv\r\nm=video 6000 RTP/AVPF 96\r\nc=IN IP4 192.0.2.2\r\n")
    assert len(short) < 400


def test_a_message_tells_the_length_of_its_tidy_body() -> None:
    torn = CLEAN.replace("s=-\r\n", "")
    message = f"INVITE sip:x SIP/2.0\r\nl: {len(torn)}\r\nc: application/SDP;x=y\r\n\r\n{torn}"
    assert tidied(message) == message.replace(f"l: {len(torn)}", f"l: {len(CLEAN)}").replace("c=IN", "s=-\r\nc=IN")
    latin = message.replace("o=probe", "o=pr\udcf6be")  # A byte that is not UTF-8, as passed on by pjsua2.
    assert f"l: {len(CLEAN)}" in tidied(latin)
    other = message.replace("application/SDP", "application/sdpx")
    assert tidied(other) == other


@given(
    st.lists(st.sampled_from([*CLEAN.split("\r\n"), "a=", "m=", "m=audio 0 RTP/AVP", "c=", "o=", "\0", "z=1", "é="]))
)
def test_whatever_comes_is_tidy_when_it_was_tidied(lines: list[str]) -> None:
    once = tidy("\r\n".join(lines))
    assert tidy(once) == once
    lean(once)


def test_a_hosts_name_is_replaced_by_its_address_where_there_is_one() -> None:
    head = "INVITE sip:1@h SIP/2.0\r\nContent-Type: application/sdp\r\nContent-Length: 0\r\n\r\n"
    body = "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    known = {"media.example": "192.0.2.1"}
    said = tidied(head + body.format("media.example"), lambda name: known.get(name, ""))
    assert "c=IN IP4 192.0.2.1\r\n" in said
    assert f"Content-Length: {len(said.partition(chr(13) + chr(10) + chr(13) + chr(10))[2])}" in said
    for host in ("other.example", "192.0.2.9"):
        assert f"c=IN IP4 {host}\r\n" in tidied(head + body.format(host), lambda name: known.get(name, ""))
