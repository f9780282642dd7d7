"""What pjmedia gets of senders whose packets are odd."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from ops.witness.rtp import parse, to_pcm, to_ulaw
from phone_daemon.wire.line_card.regular_rtp import G722, PCMA, PCMU, SURE, RegularRtp

AUDIO = bytes(range(256)) * 50
"""Each packet's differs from its neighbors'."""


def rtp(
    sequence: int,
    timestamp: int,
    audio: bytes,
    *,
    kind: int = PCMU,
    ssrc: int = 7,
    head: int = 0x80,
    extra: bytes = b"",
) -> bytes:
    return struct.pack("!BBHII", head, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + extra + audio


def stream(size: int, clock: Callable[[int], int], *, first: int = 65_530, kind: int = PCMU) -> list[bytes]:
    """All of `AUDIO` in packets of `size` bytes; `clock` gives the timestamp of each."""
    pieces = [AUDIO[at : at + size] for at in range(0, len(AUDIO) - size + 1, size)]
    return [rtp(first + n, clock(n), piece, kind=kind) for n, piece in enumerate(pieces)]


def played(packets: Iterable[bytes], agreed: int = PCMU) -> list[tuple[int, int, bytes]]:
    """Sequence number, timestamp, and audio of what pjmedia gets."""
    regular = RegularRtp(agreed)
    found = [parse(each, 0, ("", 0)) for packet in packets for each in regular.feed(packet)]
    return [(each.sequence, each.timestamp, each.payload) for each in found if each is not None]


@pytest.mark.parametrize("size", [80, 160, 240, 320, 480, 800])
def test_what_is_regular_stays_the_same_object(size: int) -> None:
    regular = RegularRtp(PCMU)
    for packet in stream(size, lambda n: (1 << 32) - 5 * size + n * size):
        assert regular.feed(packet)[0] is packet


@pytest.mark.parametrize("size", [20, 40, 120, 200, 60, 81])
def test_packets_that_are_no_whole_units_are_joined_and_nothing_is_lost(size: int) -> None:
    packets = played(stream(size, lambda n: (1 << 32) - 300 + n * size))
    assert all(len(audio) % 80 == 0 for _, _, audio in packets)
    whole = b"".join(audio for _, _, audio in packets)
    assert whole == AUDIO[: len(whole)]
    assert len(AUDIO) - len(whole) < size + 80
    for (sequence, timestamp, audio), after in itertools.pairwise(packets):
        assert after[:2] == ((sequence + 1) & 0xFFFF, (timestamp + len(audio)) & 0xFFFFFFFF)


def test_what_is_left_of_a_unit_is_not_joined_across_a_gap() -> None:
    first, later = rtp(1, 0, AUDIO[:40]), rtp(9, 320, AUDIO[320:400])
    assert [(at, audio) for _, at, audio in played([first, later])] == [(320, AUDIO[320:400])]


def test_random_sequence_numbers_are_counted_here() -> None:
    numbers = random.Random(1)
    packets = stream(160, lambda n: 160 * n)
    shuffled = [packet[:2] + struct.pack("!H", numbers.getrandbits(16)) + packet[4:] for packet in packets]
    found = played(shuffled)[SURE + 1 :]
    for (sequence, timestamp, _), after in itertools.pairwise(found):
        assert after[:2] == ((sequence + 1) & 0xFFFF, timestamp + 160)


def test_a_jump_or_a_packet_that_was_overtaken_is_no_random_number() -> None:
    packets = stream(160, lambda n: 160 * n)[:60]
    packets = [*packets[:30], *(packet[:2] + b"\x30" + packet[3:] for packet in packets[30:])]
    packets = [packets[at ^ 1] for at in range(len(packets))]
    regular = RegularRtp(PCMU)
    assert all(regular.feed(packet)[0] is packet for packet in packets)


CLOCKS: dict[str, Callable[[int], int]] = {
    "stands still": lambda n: 1234,
    "counts milliseconds": lambda n: 20 * n,
    "counts twice": lambda n: 320 * n,
    "is random": lambda n: random.Random(n).getrandbits(32),
    "runs backward": lambda n: 1_000_000 - 160 * n,
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_timestamps_that_do_not_count_samples_are_counted_here(clock: str) -> None:
    packets = played(stream(160, CLOCKS[clock]))[SURE + 1 :]
    steps = {(after[1] - before[1]) & 0xFFFFFFFF for before, after in itertools.pairwise(packets)}
    assert steps == {160}


def test_a_lost_packet_leaves_its_time_and_a_late_one_gets_it_back() -> None:
    packets = stream(160, lambda n: 1234)
    del packets[40]
    packets[50], packets[51] = packets[51], packets[50]
    times = [at for _, at, _ in played(packets)][20:]
    assert [after - before for before, after in itertools.pairwise(times)][:33] == (
        [160] * 19 + [320] + [160] * 9 + [320, -160, 320] + [160]
    )


def test_a_pause_in_which_time_passes_and_nothing_is_sent_stays_one() -> None:
    times = [160 * n + 8000 * (n // 20) for n in range(80)]
    packets = [
        rtp(n, at, AUDIO[:160], kind=PCMU | (0x80 if n % 20 == 0 else 0)) for n, at in enumerate(times)
    ]  # RFC 3551 section 4.1: the first packet after a pause is marked.
    assert [at for _, at, _ in played(packets)] == times


def test_a_new_sender_is_judged_anew() -> None:
    standing = stream(160, lambda n: 1234)[:40]
    right = [rtp(n, 160 * n, AUDIO[:160], ssrc=8) for n in range(40)]
    assert [at for _, at, _ in played([*standing, *right])][40:] == [160 * n for n in range(40)]


def test_a_sender_that_counts_the_samples_of_g722_is_left_to_pjmedia() -> None:
    packets = stream(160, lambda n: 320 * n, kind=G722)
    regular = RegularRtp(G722)
    assert all(regular.feed(packet) == (packet,) for packet in packets)


@pytest.mark.parametrize("agreed", [PCMU, PCMA])
def test_the_other_law_of_g711_is_translated(agreed: int) -> None:
    tone = (9000 * np.sin(np.arange(1600) / 3)).astype("<i2").tobytes()
    ulaw = to_ulaw(tone)
    (_, _, alaw), *_ = played([rtp(1, 0, ulaw)], PCMA)
    if agreed == PCMU:
        ((_, _, heard),) = played([rtp(1, 0, alaw, kind=PCMA)], PCMU)
        error = np.frombuffer(to_pcm(heard), "<i2").astype(float) - np.frombuffer(to_pcm(ulaw), "<i2")
        assert np.sqrt(np.mean(error**2)) < 9000 / 100
    else:
        assert alaw != ulaw
        # Known codes (G.711 tables 1a and 2a): the smallest and the largest values of both signs.
        assert alaw_of(bytes((0xFF, 0x80, 0x00))) == bytes((0xD5, 0xAA, 0x2A))


def alaw_of(ulaw: bytes) -> bytes:
    ((_, _, audio),) = played([rtp(1, 0, ulaw * 80)], PCMA)
    return audio[: len(ulaw)]


def test_padding_extensions_and_sources_are_not_taken_for_audio() -> None:
    extension = b"\xbe\xde\0\1abcd"
    for head, extra, tail in ((0xA0, b"", b"\0\0\0\4"), (0x90, extension, b""), (0x81, b"\0\0\0\1", b"")):
        ((_, _, audio),) = played([rtp(1, 0, AUDIO[:80] + tail, kind=PCMA, head=head, extra=extra)])
        assert len(audio) == 80


def test_what_is_no_audio_of_ours_is_left_alone() -> None:
    regular = RegularRtp(PCMU)
    comfort, torn, opus = rtp(1, 0, b"@", kind=13), b"\x80\0\0", rtp(2, 0, b"opus", kind=111)
    short = rtp(3, 0, b"", head=0x90)
    for packet in (comfort, torn, opus, short, b"", b"\0" * 40, rtp(4, 0, b"\xff", head=0xA0)):
        assert regular.feed(packet) == (packet,)
