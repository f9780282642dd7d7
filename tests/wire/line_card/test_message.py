"""SIP messages as text."""

from __future__ import annotations

import pytest

from phone_daemon.wire.line_card.message import MOST_PARTS, SipMessage, entries, parse, tag

INVITE = (
    'INVITE sip:1@h SIP/2.0\r\nv: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b\r\nf: "x;tag=no" <sip:a@b;tag=no>;tag=7\r\n'
    "To: sip:1@h\r\nCall-ID: c\r\nCSeq: 12 INVITE\r\nSubject: one\r\n two\r\n"
    "c: Application/SDP;x=1\r\n\r\nv=0\r\n\r\nz\r\n"
)


def test_headers_are_read_in_both_forms_and_folded_lines_are_one() -> None:
    message = parse(INVITE)
    assert (message.method, message.uri, message.code) == ("INVITE", "sip:1@h", 0)
    assert message.all("via") == ["SIP/2.0/UDP a", "SIP/2.0/UDP b"]
    assert (message.header("call-id"), message.cseq, message.header("subject")) == ("c", 12, "one two")
    assert (message.from_tag, message.to_tag) == ("7", "")
    assert message.content_type == "application/sdp"
    assert message.body == "v=0\n\nz\n"


def test_a_response_has_a_code_and_no_method() -> None:
    message = parse("SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n")
    assert (message.method, message.code, message.content_type) == ("", 486, "")


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "x", "INVITE", ":\n:\n\n", "SIP/2.0", "SIP/2.0 x", "A B\nCSeq: ²\n"])
def test_anything_else_is_a_message_of_nothing(text: str) -> None:
    message = parse(text)
    assert isinstance(message, SipMessage)
    assert (message.cseq, message.header("call-id"), message.from_tag) == (0, "", "")


def test_the_tag_is_the_headers_and_not_the_uris() -> None:
    assert tag("<sip:a@b;tag=1>") == ""
    assert tag("<sip:a@b>; TAG = 2;x") == "2"
    assert tag("sip:a@b;tag=3") == "3"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("<sip:a@h>,<sip:b@h>;x=1 , sip:c@h", ("<sip:a@h>", "<sip:b@h>;x=1", "sip:c@h")),
        ('"A, B" <sip:a@h>, C <sip:c@h>', ('"A, B" <sip:a@h>', "C <sip:c@h>")),
        (r'"A \", <sip:x@h>, \\" <sip:a@h>, <sip:b@h>', (r'"A \", <sip:x@h>, \\" <sip:a@h>', "<sip:b@h>")),
        ("<sip:a,b@h;p=1,2>;q=1, <sip:c@h?x=a,b>", ("<sip:a,b@h;p=1,2>;q=1", "<sip:c@h?x=a,b>")),
        ('"<" <sip:a@h>, ">" <sip:b@h>', ('"<" <sip:a@h>', '">" <sip:b@h>')),
        ('<sip:a"b@h>, <sip:c"d@h>', ('<sip:a"b@h>', '<sip:c"d@h>')),
        ('<sip:a@h>;reason="busy, or <gone>";x, <sip:b@h>', ('<sip:a@h>;reason="busy, or <gone>";x', "<sip:b@h>")),
        # A URI with a comma must be in brackets: one that is not counts as two entries.
        ("sip:a,b@h", ("sip:a", "b@h")),
        ("sip:a@h;x=1,tel:+44207", ("sip:a@h;x=1", "tel:+44207")),
        ("", ()),
        (" , ,, ", ()),
        # Nothing closes these.
        ('"A <sip:a@h>, <sip:b@h>', ('"A <sip:a@h>', "<sip:b@h>")),
        ("<sip:a@h>, <sip:b@h, <sip:c@h", ("<sip:a@h>", "<sip:b@h", "<sip:c@h")),
    ],
)
def test_entries_are_parted_by_commas_outside_of_quotes_and_brackets(value: str, found: tuple[str, ...]) -> None:
    assert entries(value) == found


def test_the_entries_of_a_header_are_those_of_all_its_lines() -> None:
    message = parse("ACK sip:1@h SIP/2.0\r\nRecord-Route: <sip:a>, <sip:b>\r\nTo: x\r\nrecord-route: <sip:c>\r\n\r\n")
    assert message.entries("record-route") == ("<sip:a>", "<sip:b>", "<sip:c>")
    assert message.entries("route") == ()


@pytest.mark.timeout(10)
def test_the_longest_header_of_nothing_but_marks_holds_nobody_up() -> None:
    for mark in ("<", '"', ",", '"<', "<,", '\\"'):
        entries(mark * (65_535 // len(mark)))


def test_a_name_in_latin_1_is_read_as_such_beside_one_in_utf_8() -> None:
    raw = 'From: "Zoë '.encode() + 'Müller"'.encode("latin-1") + b" <sip:a@b>;tag=1\r\n\r\n"
    message = parse("INVITE sip:1@h SIP/2.0\r\n" + raw.decode("utf-8", "surrogateescape"))
    assert message.header("from").startswith('"Zoë Müller" ')


def multipart(*parts: str, boundary: str = "b") -> str:
    return "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"


@pytest.mark.parametrize("value", ["multipart/mixed;boundary=b", 'Multipart/Mixed; x=1 ;Boundary="b"'])
@pytest.mark.parametrize("preamble", ["", "what nobody reads\r\n"])
def test_a_multipart_body_is_read_part_by_part(value: str, preamble: str) -> None:
    inner = multipart("\r\nplain", "c: text/y;charset=utf-8\r\n\r\ndeep", boundary="in")
    body = multipart(
        "Content-Type: text/x\r\n\r\none\r\ntwo", f"Content-Type: multipart/mixed;boundary=in\r\n\r\n{inner}"
    )
    found = parse(f"INFO sip:1@h SIP/2.0\r\nContent-Type: {value}\r\n\r\n{preamble}{body}epilogue").parts()
    assert [(part.content_type, part.body.strip()) for part in found] == [
        ("text/x", "one\ntwo"),
        ("", "plain"),
        ("text/y", "deep"),
    ]


@pytest.mark.parametrize(
    "kind", ["text/x;boundary=b", "multipart/mixed", "multipart/mixed;boundary=", "multipart/mixed;boundary=c"]
)
def test_what_has_no_parts_is_whole_or_nothing(kind: str) -> None:
    message = parse(f"INFO sip:1@h SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{multipart('x')}")
    assert message.parts() in ((message,), ())


def test_parts_without_end_hold_nobody_up() -> None:
    many = parse(f"INFO sip:1@h SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n{'--b' * 20_000}")
    assert len(many.parts()) == MOST_PARTS
    deep = "".join(f"--{at}\r\nContent-Type: multipart/mixed;boundary={at + 1}\r\n\r\n" for at in range(1_000))
    assert parse(f"INFO sip:1@h SIP/2.0\r\nContent-Type: multipart/mixed;boundary=0\r\n\r\n{deep}").parts()
