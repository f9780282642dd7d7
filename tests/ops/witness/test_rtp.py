"""The measuring end of RTP: it sends at a steady pace, and records what arrives unchanged."""

from __future__ import annotations

import itertools
import math
import struct
import time
from collections.abc import Iterator

import pytest

from ops.witness.rtp import (
    FRAME_SAMPLES,
    QUIET,
    SILENT_FRAME,
    TELEPHONE_EVENT,
    Packet,
    RtpEnd,
    continuity,
    is_silent,
    parse,
    segments,
    to_pcm,
    to_ulaw,
)


def tone(seconds: float) -> bytes:
    """A loud 440 Hz tone."""
    return b"".join(
        struct.pack("<h", round(12000 * math.sin(math.tau * 440 * n / 8000))) for n in range(round(8000 * seconds))
    )


def packet(sequence: int, at_ms: float = 0.0, loud: bool = True) -> Packet:
    payload = bytes([0x10]) * FRAME_SAMPLES if loud else SILENT_FRAME
    return Packet(round(at_ms * 1e6), sequence & 0xFFFF, 160 * sequence, 1, 0, False, payload, ("127.0.0.1", 4000))


@pytest.fixture
def pair() -> Iterator[tuple[RtpEnd, RtpEnd]]:
    """Two ends that send to each other."""
    left, right = RtpEnd(), RtpEnd()
    left.aim("127.0.0.1", right.port)
    right.aim("127.0.0.1", left.port)
    yield left, right
    left.close()
    right.close()


def until(condition: object, timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_mu_law_has_the_values_of_g711() -> None:
    """Codes and values of ITU-T G.711 table 2a, scaled to 16 bits."""
    values = {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0x7E: -8, 0xF0: 120, 0xEF: 132, 0x8F: 16764}
    assert {code: struct.unpack("<h", to_pcm(bytes([code])))[0] for code in values} == values


def test_mu_law_of_every_code_is_that_code_again() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is the other zero
    assert to_ulaw(to_pcm(codes)) == codes


def test_silence_is_what_g711_calls_nothing() -> None:
    assert set(QUIET) == {0xFF, 0x7F, 0xFE, 0x7E}
    assert is_silent(SILENT_FRAME)
    assert not is_silent(SILENT_FRAME[:-1] + b"\x10")


def test_audio_arrives_as_it_was_sent(pair: tuple[RtpEnd, RtpEnd]) -> None:
    """Every frame, in order, with the sequence and timestamp steps of RFC 3550."""
    left, right = pair
    sound = tone(0.3)
    played = left.play(sound)
    assert played.done.wait(5)
    until(lambda: sum(not packet.silent for packet in right.packets) == 15)
    heard = [packet for packet in right.packets if not packet.silent]
    assert b"".join(packet.payload for packet in heard) == to_ulaw(sound)
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(heard)} == {1}
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(heard)} == {160}
    assert len(segments(right.packets)) == 1
    assert continuity(right.packets).lost == continuity(right.packets).reordered == 0


def test_arrival_is_stamped_on_the_clock_of_the_sender(pair: tuple[RtpEnd, RtpEnd]) -> None:
    """A frame arrives after the previous one was sent and within a second: both ends use CLOCK_MONOTONIC."""
    left, right = pair
    played = left.play(tone(0.1))
    assert played.done.wait(5)
    until(lambda: sum(not packet.silent for packet in right.packets) == 5)
    first = next(packet for packet in right.packets if not packet.silent)
    assert abs(first.at_ns - played.at(0)) < 1e9


def test_a_digit_is_an_event_with_three_ends(pair: tuple[RtpEnd, RtpEnd]) -> None:
    """RFC 4733: one timestamp per event, the marker on its first packet, the end bit three times."""
    left, right = pair
    assert left.press("5#").done.wait(5)
    until(lambda: sum(packet.payload_type == TELEPHONE_EVENT for packet in right.packets) == 16)
    events = [packet for packet in right.packets if packet.payload_type == TELEPHONE_EVENT]
    assert [packet.payload[0] for packet in events] == [5] * 8 + [11] * 8
    assert len({packet.timestamp for packet in events}) == 2
    assert [packet.marker for packet in events] == ([True] + [False] * 7) * 2
    assert [bool(packet.payload[1] & 0x80) for packet in events] == ([False] * 5 + [True] * 3) * 2
    durations = [struct.unpack("!H", packet.payload[2:])[0] for packet in events[:8]]
    assert durations == [160, 320, 480, 640, 800, 960, 960, 960]


def test_a_moved_end_sends_from_another_port_and_still_hears(pair: tuple[RtpEnd, RtpEnd]) -> None:
    left, right = pair
    until(lambda: right.packets)
    port = left.move()
    until(lambda: right.packets[-1].source[1] == port)
    heard = len(left.packets)
    until(lambda: len(left.packets) > heard + 2)


def test_a_stopped_end_sends_nothing_at_all(pair: tuple[RtpEnd, RtpEnd]) -> None:
    left, _ = pair
    until(lambda: left.sent)
    left.sending = False
    sent = left.sent
    heard = len(left.packets)
    until(lambda: len(left.packets) > heard + 5)  # five ticks of the other end later
    assert left.sent <= sent + 1  # the tick that ran during the command


def test_pauses_shorter_than_the_gap_do_not_end_a_segment() -> None:
    spoken = [packet(n, at_ms=20 * n, loud=n not in range(5, 10) and n not in range(20, 60)) for n in range(70)]
    found = segments(spoken, gap_s=0.3)
    assert [(segment.first_ns // 1_000_000, segment.last_ns // 1_000_000) for segment in found] == [
        (0, 380),
        (1200, 1380),
    ]
    assert [segment.packets for segment in found] == [15, 10]


@pytest.mark.parametrize(
    ("sequences", "lost", "reordered"),
    [
        ([1, 2, 3], 0, 0),
        ([65534, 65535, 0, 1], 0, 0),
        ([65534, 1], 2, 0),
        ([1, 3, 2, 4], 0, 1),
        ([0, 65535, 1], 0, 1),
        ([5, 5, 6], 0, 0),
    ],
)
def test_loss_and_reordering_are_counted_across_the_wrap(sequences: list[int], lost: int, reordered: int) -> None:
    found = continuity([packet(sequence) for sequence in sequences])
    assert (found.received, found.lost, found.reordered) == (len(sequences), lost, reordered)


def test_what_is_not_rtp_is_no_packet() -> None:
    for datagram in (b"", b"hello", b"\x00" * 12, b"\x40" + b"\x00" * 20):
        assert parse(datagram, 0, ("127.0.0.1", 1)) is None


def test_csrc_extension_and_padding_are_not_payload() -> None:
    """RFC 3550 sections 5.1 and 5.3.1."""
    header = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 1, 0, 7, 8, 9)
    datagram = header + b"CSRC" + b"\xbe\xde\x00\x01EXTN" + b"sound" + b"\x00\x00\x03"
    found = parse(datagram, 0, ("127.0.0.1", 1))
    assert found and found.payload == b"sound"
