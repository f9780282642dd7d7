"""Which RTP packets make a key, whatever happens to the others (RFC 4733)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from phone_daemon.events import DTMF_EVENTS
from phone_daemon.wire.telephone_event import EventPacket, KeyPresses, is_event, parse

DURATIONS = (160, 320, 480, 640, 800)
END = 0x80


def press(key: str, at: int, sequence: int, durations: Iterable[int] = DURATIONS, ends: int = 3) -> list[EventPacket]:
    """A key at timestamp `at`, as telephones send it."""
    event, durations = DTMF_EVENTS.index(key), tuple(durations)
    going = [(False, duration) for duration in durations]
    packets = [*going, *[(True, durations[-1] if durations else 800)] * ends]
    return [
        EventPacket((sequence + n) & 0xFFFF, at & 0xFFFFFFFF, 7, n == 0, event, ended, duration)
        for n, (ended, duration) in enumerate(packets)
    ]


def keys(*packets: EventPacket) -> str:
    presses = KeyPresses()
    return "".join(presses.feed(packet) for packet in packets)


def test_each_press_is_one_key() -> None:
    sent = [packet for n, key in enumerate(DTMF_EVENTS) for packet in press(key, 2000 * n, 12 * n)]
    assert keys(*sent) == DTMF_EVENTS


def test_the_timestamp_tells_presses_of_one_key_apart_whatever_is_lost() -> None:
    pairs = [press(key, 2000 * n, 12 * n) for n, key in enumerate("1122")]
    for kept in (slice(None), slice(1, None), slice(5, None), slice(7, None), slice(0, 5), slice(0, 1), slice(2, 4)):
        assert keys(*(packet for packets in pairs for packet in packets[kept])) == "1122", kept


def test_end_packets_alone_are_keys_as_are_durations_of_nothing() -> None:
    ends = [packet for n, key in enumerate("1122") for packet in press(key, 1600 * n, 9 * n, ())]
    assert keys(*ends) == "1122"
    nothing = [packet for n, key in enumerate("1122") for packet in press(key, 1600 * n, 9 * n, (0, 0, 0))]
    assert keys(*nothing) == "1122"


def test_packets_that_come_late_or_twice_are_no_further_key() -> None:
    first, second = press("1", 0, 0), press("2", 2000, 12)
    assert keys(*first[:6], *second[:3], *first[6:], *second[3:], second[0], second[0], first[0]) == "12"
    assert keys(*reversed(first)) == "1"


def test_a_key_that_overtakes_another_takes_nothing_from_it() -> None:
    first, second = press("1", 0, 0, ends=1), press("1", 2000, 12)
    assert keys(second[0], *first, *second[1:]) == "11"


def test_a_long_press_goes_on_in_segments_and_is_one_key() -> None:
    segments = [(0, 0xFFFF, False), (0xFFFF, 0xFFFF, False), (2 * 0xFFFF, 800, True)]
    packets = [EventPacket(n, at, 7, n == 0, 5, ended, duration) for n, (at, duration, ended) in enumerate(segments)]
    assert keys(*packets) == "5"


def test_a_gateway_whose_timestamp_runs_on_within_a_press_is_understood() -> None:
    running = [
        EventPacket(9 * n + m, 2000 * n + 160 * m, 7, m == 0, 3, m >= 5, min(160 * (m + 1), 800))
        for n in range(2)
        for m in range(8)
    ]
    assert keys(*running) == "33"


def test_it_is_so_at_the_clock_of_opus_too() -> None:
    """Whose end packets' timestamps may run on by 20 ms each: 960 samples."""
    ends = [EventPacket(n, 960 * n, 7, False, 3, True, 4800) for n in range(3)]
    presses = KeyPresses(48_000)
    assert "".join(presses.feed(packet) for packet in ends) == "3"


def test_a_gateway_whose_timestamp_never_moves_is_understood() -> None:
    sent = [packet for n, key in enumerate("1121") for packet in press(key, 0, 12 * n)]
    assert keys(*sent) == "1121"


def test_presses_are_told_apart_where_timestamp_and_sequence_wrap_around() -> None:
    sent = [packet for n in range(4) for packet in press("9", 0xFFFFFFFF - 3000 + 2000 * n, 65530 + 12 * n)]
    assert keys(*sent) == "9999"


def test_what_is_no_digit_is_none() -> None:
    assert keys(EventPacket(1, 1, 7, True, 16, False, 160), EventPacket(2, 900, 7, True, 255, True, 800)) == ""


def test_a_packet_is_read_with_whatever_its_header_holds() -> None:
    event = struct.pack("!BBH", 11, END | 10, 800)
    plain = struct.pack("!BBHII", 0x80, 0x80 | 101, 5, 1000, 7)
    expected = EventPacket(5, 1000, 7, True, 11, True, 800)
    assert parse(plain + event) == expected
    sources = b"\x82" + plain[1:] + bytes(8)
    assert parse(sources + event) == expected
    extended = b"\x90" + plain[1:] + struct.pack("!HH", 0xBEDE, 1) + bytes(4)
    assert parse(extended + event) == expected


def test_what_is_too_short_or_no_rtp_is_no_event() -> None:
    plain = struct.pack("!BBHII", 0x80, 101, 5, 1000, 7) + struct.pack("!BBH", 1, 10, 160)
    assert [parse(plain[:length]) for length in range(len(plain))] == [None] * len(plain)
    assert parse(b"\x40" + plain[1:]) is None
    assert parse(b"\x9f" + plain[1:]) is None


def test_a_key_is_known_by_its_form_where_nobody_agreed_on_events() -> None:
    header = struct.pack("!BBHII", 0x80, 0x80 | 97, 1, 1600, 7)
    assert is_event(header + b"\x05\x0a\x00\xa0")
    audio = header[:1] + b"\x00" + header[2:]
    for other in (header + b"\x05\x0a\x00", header + b"\x05\x4a\x00\xa0", header + b"\x20\x0a\x00\xa0"):
        assert not is_event(other)
    assert not is_event(audio + b"\x05\x0a\x00\xa0")
