"""Keys in RTP (RFC 4733)."""

from __future__ import annotations

import pytest

from phone_daemon.web.webrtc.key_events import KeyEvents


def event(code: int, end: bool = False, duration: int = 160) -> bytes:
    return bytes([code, 0x80 * end | 10]) + duration.to_bytes(2, "big")


def test_a_key_is_told_once_however_many_packets_it_takes() -> None:
    keys = KeyEvents()
    packets = [event(5), event(5), event(5, end=True), event(5, end=True), event(5, end=True)]
    assert [keys.take(8000, packet) for packet in packets] == ["5", "", "", "", ""]


def test_the_same_key_twice_is_two() -> None:
    keys = KeyEvents()
    assert keys.take(8000, event(11)) + keys.take(8000, event(11, end=True)) + keys.take(9600, event(11)) == "##"


@pytest.mark.parametrize("payload", [b"", b"\x05", event(16), event(255)])
def test_what_is_no_digit_is_none(payload: bytes) -> None:
    assert KeyEvents().take(0, payload) == ""
