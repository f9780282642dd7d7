"""The parts of RTP packets."""

import pytest

from phone_daemon.wire.rtp_packet import HEADER, payload_bounds, payload_type


def packet(flags: int, rest: bytes, kind: int = 0x80 | 8) -> bytes:
    return HEADER.pack(0x80 | flags, kind, 1, 160, 7) + rest


@pytest.mark.parametrize(
    ("flags", "before", "after"),
    [
        (0, b"", b""),
        (2, bytes(8), b""),  # two contributing sources
        (0x10, b"\xbe\xde\x00\x01" + bytes(4), b""),  # an extension of one word
        (0x20, b"", b"\x00\x00\x03"),  # three bytes of padding
        (0x31, bytes(4) + b"\xbe\xde\x00\x00", b"\x01"),
    ],
)
def test_what_stands_around_the_payload_is_told_from_it(flags: int, before: bytes, after: bytes) -> None:
    whole = packet(flags, before + b"payload" + after)
    start, end = payload_bounds(whole)
    assert whole[start:end] == b"payload"


def test_a_torn_packet_has_no_payload() -> None:
    start, end = payload_bounds(packet(0x10, b"\xbe\xde\x00\x09"))
    assert start >= end


def test_the_type_is_told_without_the_marker_and_only_of_rtp() -> None:
    assert payload_type(packet(0, b"")) == 8
    assert payload_type(packet(0, b"")[:11]) == -1
    assert payload_type(b"OPTIONS sip:a SIP/2.0") == -1
