"""What a refusal has of the request that it answers."""

from __future__ import annotations

from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.line_card.refusal import refusal

INVITE = (
    "INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK2, SIP/2.0/UDP 192.0.2.9\r\n"
    "v: SIP/2.0/TCP 192.0.2.7\r\nf: <sip:5@192.0.2.9>;tag=t1\r\nTo: <sip:100@192.0.2.1>\r\nCall-ID: c\r\n"
    "CSeq: 7 INVITE\r\nExpires: soon\r\n\r\n"
)


def test_a_request_is_refused_along_the_way_that_it_came() -> None:
    answer = parse(refusal(INVITE, "t9", "400 Bad Request") or "")
    assert (answer.code, answer.from_tag, answer.to_tag, answer.cseq) == (400, "t1", "t9", 7)
    assert answer.all("via")[-1] == "SIP/2.0/TCP 192.0.2.7"
    assert not answer.header("expires")


def test_what_takes_no_response_gets_none() -> None:
    for text in (
        INVITE.replace("INVITE sip", "ACK sip"),
        "SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
        "x" * 5000,
        "",
        "\r\n\r\n",
    ):
        assert refusal(text, "t", "513 Message Too Large") is None
