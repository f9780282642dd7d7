"""Packets in, 20 ms per tick out: lost, late, duplicated, out of order, from another stream."""

from __future__ import annotations

import random

import pytest

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.web.webrtc.opus import Decoder, Encoder
from phone_daemon.web.webrtc.packet_buffer import CALM, MAX_PACKETS, WINDOW, PacketBuffer
from tests.web.webrtc.speech import caller, frames, likeness

SILENCE = bytes(FRAME_BYTES)
START = 65_500
"""Sequence numbers wrap on the way."""


def packets() -> list[tuple[int, bytes]]:
    encoder = Encoder(SAMPLE_RATE, expected_loss=20)
    return [((START + at) & 0xFFFF, encoder.encode(frame)) for at, frame in enumerate(frames(caller()))]


def heard(buffer: PacketBuffer, arrivals: list[list[tuple[int, bytes]]]) -> bytes:
    """What is heard if the packets of `arrivals` come before each tick."""
    audio = bytearray()
    for arrived in arrivals:
        for sequence, packet in arrived:
            buffer.add(sequence, packet)
        frame = buffer.pull()
        assert len(frame) == FRAME_BYTES
        audio += frame
    return bytes(audio)


def test_in_order_it_adds_no_delay() -> None:
    """A packet is heard in the tick in which it came."""
    buffer, decoder = PacketBuffer(Decoder(SAMPLE_RATE)), Decoder(SAMPLE_RATE)
    assert heard(buffer, [[packet] for packet in packets()]) == b"".join(decoder.decode(each) for _, each in packets())
    assert not buffer.lost and not buffer.concealed


def test_before_the_first_packet_it_is_silent() -> None:
    assert PacketBuffer(Decoder(SAMPLE_RATE)).pull() == SILENCE


def test_out_of_order_and_twice_is_heard_once_and_in_order() -> None:
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    sent = packets()
    arrivals = [[], *([sent[at + 1], sent[at], sent[at]] if at % 2 == 0 else [] for at in range(len(sent) - 1))]
    assert likeness(caller(), heard(buffer, arrivals)) > 0.9
    assert not buffer.lost


def test_a_tenth_lost_is_concealed_and_the_rest_stays_in_its_place() -> None:
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    dice = random.Random(4)
    arrivals = [[packet] if dice.random() > 0.1 else [] for packet in packets()]
    assert likeness(caller(), heard(buffer, arrivals)) > 0.8
    assert buffer.lost >= 5


def test_a_burst_after_a_stall_does_not_delay_the_rest_of_the_call() -> None:
    """300 ms come at once; as soon as they could be played, no more than one frame waits."""
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    encoder = Encoder(SAMPLE_RATE)
    stream = [(at, encoder.encode(SILENCE)) for at in range(200)]
    heard(buffer, [[packet] for packet in stream[:20]])
    heard(buffer, [[] for _ in range(15)])
    heard(buffer, [stream[20:35], *([packet] for packet in stream[35:150][: WINDOW + 15])])
    marked = Encoder(SAMPLE_RATE)
    heard(buffer, [[(50 + WINDOW + at, marked.encode(frame))] for at, frame in enumerate(frames(caller())[:25])])
    waiting = 0
    while buffer.quiet == 0 or waiting == 0:
        before = buffer.quiet
        buffer.pull()
        if buffer.quiet > before:
            break
        waiting += 1
    assert waiting <= 1


def test_silence_that_came_late_is_dropped_and_the_speech_after_it_is_heard_whole() -> None:
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    encoder = Encoder(SAMPLE_RATE)
    stream = [(at, encoder.encode(frame)) for at, frame in enumerate([SILENCE] * 75 + frames(caller()))]
    heard(buffer, [[packet] for packet in stream[:20]])
    heard(buffer, [[] for _ in range(15)])
    heard(buffer, [stream[20:35], *([packet] for packet in stream[35:75])])
    audio = heard(buffer, [[packet] for packet in stream[75:]])
    assert likeness(caller()[: -2 * FRAME_BYTES], audio) > 0.95
    assert len(caller()) - len(audio) < FRAME_BYTES  # All of it was heard by the time it had all come, but for a frame.


def test_a_short_silence_within_speech_is_not_dropped() -> None:
    """A stop's closure, such as in "ten to two", belongs to the word."""
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    encoder = Encoder(SAMPLE_RATE)
    loud = frames(caller())[50:53]
    words = (loud + [SILENCE] * 4) * 6
    stream = [(at, encoder.encode(frame)) for at, frame in enumerate(words)]
    heard(buffer, [stream[:3], *([packet] for packet in stream[3:])])
    assert buffer.quiet == 0 and len(buffer._packets) + len(buffer._pcm) // FRAME_BYTES == 2


@pytest.mark.parametrize("sound", [SILENCE, caller()[8000 : 8000 + FRAME_BYTES]])
def test_the_delay_of_one_late_packet_ends_when_nobody_speaks(sound: bytes) -> None:
    """A packet comes a tick late: a frame waits from then on, until it is not needed for a second and is silent."""
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    encoder = Encoder(SAMPLE_RATE)
    stream = [(at, encoder.encode(sound)) for at in range(WINDOW * (CALM + 3))]
    heard(buffer, [[], [stream[0]], [], *([packet] for packet in stream[1:WINDOW])])
    heard(buffer, [[], stream[WINDOW : WINDOW + 2], *([packet] for packet in stream[WINDOW + 2 :])])
    before = buffer.concealed
    buffer.pull()  # Made up, if no frame waits.
    assert buffer.concealed - before == (1 if sound == SILENCE else 0)


def test_another_stream_begins_anew() -> None:
    """An unrelated sequence number (RFC 3550: a sender that restarts) is not taken for a gap of 30,000."""
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    heard(buffer, [[packet] for packet in packets()[:10]])
    encoder = Encoder(SAMPLE_RATE)
    again = [[(30_000 + at, encoder.encode(frame))] for at, frame in enumerate(frames(caller()))]
    assert likeness(caller(), heard(buffer, again)) > 0.9


@pytest.mark.parametrize("junk", [b"", b"\xff\xff\xff", bytes(1500)])
def test_junk_is_passed_over(junk: bytes) -> None:
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    sent = packets()
    arrivals = [[(sequence, junk if at == 7 else packet)] for at, (sequence, packet) in enumerate(sent)]
    assert likeness(caller(), heard(buffer, arrivals)) > 0.9


def test_a_flood_waits_in_half_a_second() -> None:
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    packet = Encoder(SAMPLE_RATE).encode(SILENCE)
    for sequence in range(5_000):
        buffer.add(sequence & 0xFFFF, packet)
    ticks = 0
    while buffer.pull() and buffer.quiet == 0:
        ticks += 1
    assert ticks <= MAX_PACKETS


def test_when_no_more_packets_come_there_is_silence_soon() -> None:
    buffer = PacketBuffer(Decoder(SAMPLE_RATE))
    heard(buffer, [[packet] for packet in packets()[:40]])
    assert heard(buffer, [[] for _ in range(20)]).endswith(SILENCE * 10)
    assert buffer.quiet == 20
