"""Opus at a call's 8 kHz, by the libopus in PyAV's wheel."""

from __future__ import annotations

import av
import numpy as np
import pytest

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, WIDE_RATE
from phone_daemon.web.webrtc.opus import Decoder, Encoder, OpusError, duration
from tests.web.webrtc.speech import caller, frames, likeness


def test_speech_comes_out_as_it_went_in() -> None:
    """Encoded and decoded, a caller's sentence is the same sentence, 6.5 ms later."""
    encoder, decoder = Encoder(SAMPLE_RATE), Decoder(SAMPLE_RATE)
    packets = [encoder.encode(frame) for frame in frames(caller())]
    assert likeness(caller(), b"".join(decoder.decode(packet) for packet in packets)) > 0.9


def test_at_16_khz_there_is_more_of_a_voice_than_a_telephone_has() -> None:
    """A packet encoded for 16 kHz (here by PyAV's encoder, as a browser would) is heard at 16 and at 8 kHz."""
    coder = av.CodecContext.create("libopus", "w")
    coder.sample_rate, coder.format, coder.layout, coder.bit_rate = 48_000, "s16", "mono", 32_000
    hiss = (8000 * np.sin(2 * np.pi * 6000 * np.arange(48_000) / 48_000)).astype("<i2").reshape(1, -1)
    packets = []
    for at in range(0, 48_000, 960):
        frame = av.AudioFrame.from_ndarray(hiss[:, at : at + 960], format="s16", layout="mono")
        frame.sample_rate = 48_000
        packets += [bytes(packet) for packet in coder.encode(frame)]
    level = {}
    for rate in (SAMPLE_RATE, WIDE_RATE):
        decoder = Decoder(rate)
        pcm = b"".join(decoder.decode(packet) for packet in packets)
        assert len(pcm) == 2 * rate // 50 * len(packets)
        level[rate] = float(np.abs(np.frombuffer(pcm, "<i2").astype(float)).mean())
    assert level[WIDE_RATE] > 20 * level[SAMPLE_RATE]


def test_a_long_silence_is_one_packet_repeated_and_what_follows_is_heard_whole() -> None:
    encoder, decoder = Encoder(SAMPLE_RATE), Decoder(SAMPLE_RATE)
    for frame in frames(caller()):
        decoder.decode(encoder.encode(frame))
    silence = [encoder.encode(b"") for _ in range(200)]
    assert len(set(silence[50:])) == 1
    heard = np.frombuffer(b"".join(decoder.decode(packet) for packet in silence), "<i2")
    assert np.abs(heard[10 * FRAME_SAMPLES :]).max() < 5
    again = b"".join(decoder.decode(encoder.encode(frame)) for frame in frames(caller()))
    assert likeness(caller(), again) > 0.9


def test_a_packet_says_how_long_it_is() -> None:
    packet = Encoder(SAMPLE_RATE).encode(bytes(FRAME_BYTES))
    assert duration(packet) == FRAME_SAMPLES


def test_a_lost_packet_is_recovered_from_the_next() -> None:
    """In-band FEC preserves more than concealment."""
    encoder = Encoder(SAMPLE_RATE, expected_loss=30)
    packets = [encoder.encode(frame) for frame in frames(caller())]
    recovering, concealing = Decoder(SAMPLE_RATE), Decoder(SAMPLE_RATE)
    recovered, concealed = bytearray(), bytearray()
    for number, packet in enumerate(packets):
        if number % 5 == 3 and number + 1 < len(packets):
            recovered += recovering.recover(packets[number + 1], FRAME_SAMPLES)
            concealed += concealing.conceal(FRAME_SAMPLES)
        else:
            recovered += recovering.decode(packet)
            concealed += concealing.decode(packet)
    assert likeness(caller(), bytes(recovered)) > likeness(caller(), bytes(concealed)) + 0.02


def test_what_is_made_up_fades_out() -> None:
    encoder, decoder = Encoder(SAMPLE_RATE), Decoder(SAMPLE_RATE)
    spoken = np.frombuffer(b"".join(decoder.decode(encoder.encode(frame)) for frame in frames(caller())[:40]), "<i2")
    made_up = np.frombuffer(b"".join(decoder.conceal(FRAME_SAMPLES) for _ in range(60)), "<i2")
    assert np.abs(made_up[-FRAME_SAMPLES:]).max() < np.abs(spoken).max() / 20


@pytest.mark.parametrize("junk", [b"", b"\xff" * 3, b"\x03\x3f" + bytes(2), bytes(9)[:1] + b"\xfb" * 1500])
def test_what_is_no_opus_is_said_and_the_next_packet_decoded(junk: bytes) -> None:
    encoder, decoder = Encoder(SAMPLE_RATE), Decoder(SAMPLE_RATE)
    packet = encoder.encode(bytes(FRAME_BYTES))
    try:
        decoder.decode(junk)
    except OpusError as error:
        assert str(error)
    assert len(decoder.decode(packet)) == FRAME_BYTES
