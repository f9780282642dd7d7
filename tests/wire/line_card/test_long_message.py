"""Shortening messages that are too long for pjsip."""

from __future__ import annotations

from ops.witness.probe import offer
from phone_daemon.wire.line_card.long_message import MAX_HEAD, ROOM, head, shorten
from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.line_card.sdp import audio

IDENTITY = "Identity: " + "eyJhbGciOiJFUzI1NiIs" * 45


def invite(*headers: str, body: str = "", kind: str = "application/sdp") -> str:
    lines = [
        "INVITE sip:4711@127.0.0.1 SIP/2.0",
        *(f"Via: SIP/2.0/UDP 192.0.2.{n};branch=z9hG4bK{n}" for n in range(4)),
        "From: <sip:1@192.0.2.1>;tag=a",
        "To: <sip:4711@127.0.0.1>",
        "Call-ID: x@y",
        "CSeq: 7 INVITE",
        *headers,
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join((*lines, "", body))


def test_signatures_and_history_go_and_what_pjsip_acts_on_stays_in_its_order() -> None:
    routes = [f"Record-Route: <sip:192.0.2.{n};lr>" for n in range(4)]
    long = invite(*routes, *[IDENTITY] * 20, *["History-Info: <sip:2@192.0.2.1>;index=1"] * 200, body=offer(4000))
    short = shorten(long)
    assert short is not None
    before, after = parse(long), parse(short)
    assert len(short.encode()) <= ROOM < len(long.encode())
    assert (after.method, after.uri, after.body) == (before.method, before.uri, before.body)
    for name in ("via", "record-route", "from", "to", "call-id", "cseq"):
        assert after.all(name) == before.all(name)
    assert after.header("content-length") == str(len(short.partition("\r\n\r\n")[2]))


def test_a_browsers_description_is_cut_to_the_audio() -> None:
    browser = offer(4000) + "".join(f"a=candidate:{n} 1 UDP 1 192.0.2.1 {n} typ host\r\n" for n in range(200))
    short = shorten(invite(body=browser))
    assert short is not None
    assert audio(parse(short).body) == audio(offer(4000))


def test_of_a_body_of_several_parts_the_description_is_taken() -> None:
    other = f"Content-Type: x/y\r\n\r\n{'z' * 5000}"
    parts = "\r\n--b1\r\n".join(("", f"Content-Type: application/sdp\r\n\r\n{offer(4000)}", f"{other}\r\n--b1--\r\n"))
    short = shorten(invite(body=parts, kind='multipart/mixed;boundary="b1"'))
    assert short is not None
    message = parse(short)
    assert message.content_type == "application/sdp"
    assert audio(message.body) == audio(offer(4000))


def test_what_stays_too_long_or_is_no_message_cannot_be_shortened() -> None:
    assert shorten(invite(*(f"Via: SIP/2.0/UDP 192.0.2.9;branch={n:0100}" for n in range(60)))) is None
    assert shorten("x" * 5000) is None
    assert shorten("") is None


def test_the_daemon_is_told_all_headers_but_signatures_as_far_as_there_is_room() -> None:
    told = head(invite(IDENTITY, "Diversion: <sip:5@192.0.2.1>", body=offer(4000)))
    assert parse(told).header("diversion") == "<sip:5@192.0.2.1>"
    assert "eyJ" not in told
    assert len(head(invite(*["X-Long: " + "y" * 900] * 60)).encode()) < MAX_HEAD + 1000
