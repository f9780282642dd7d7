"""SIP messages as parsed by the witness."""

from __future__ import annotations

import pytest

from ops.witness.sip_message import parse


def test_short_and_folded_headers_are_read() -> None:
    """RFC 3261 sections 7.3.1 and 7.3.3."""
    message = parse(b"SIP/2.0 200 OK\r\nv: a\r\nVia: b\r\ni:  x\r\nSubject: one\r\n two\r\nCSeq: 3 BYE\r\n\r\nbody")
    assert (message.code, message.reason, message.vias, message.cseq) == (200, "OK", ("a", "b"), (3, "BYE"))
    assert (message.headers["call-id"], message.headers["subject"], message.body) == ("x", "one two", "body")


@pytest.mark.parametrize(
    "datagram", [b"", b"\x00\xff garbage", b"INVITE sip:x HTTP/1.1\r\n\r\n", b"SIP/2.0 huh\r\n\r\n"]
)
def test_what_is_not_sip_is_refused(datagram: bytes) -> None:
    with pytest.raises(ValueError):
        parse(datagram)
