"""Noise of a telephone line: faint, never clipping wrongly, and it lets voices be noticed sooner."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import soundfile

from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE, WIDE_RATE, SpeechStarted
from phone_daemon.media.half_band import Doubler, Halver
from phone_daemon.media.line_noise import LEVEL, LineNoise
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.vad import Vad
from phone_daemon.web.webrtc.opus import Decoder, Encoder

CALLERS = ("books_an_appointment/booking.wav", "asks_hours_twice/when.wav", "has_an_emergency/help.wav")


def test_silence_becomes_faint_noise_that_goes_on() -> None:
    noise = LineNoise()
    frames = [np.frombuffer(noise.add(bytes(FRAME_BYTES)), "<i2").astype(float) for _ in range(120)]
    level = np.sqrt(np.mean(np.square(np.concatenate(frames))))
    assert abs(20 * np.log10(level / LEVEL)) < 1
    assert all(not np.array_equal(one, other) for one, other in pairwise(frames))


def test_the_loudest_samples_stay_the_loudest() -> None:
    loudest = np.tile(np.array([32767, -32768], "<i2"), 80)
    noisy = np.frombuffer(LineNoise().add(loudest.tobytes()), "<i2").astype(int)
    assert np.abs(noisy - loudest).max() < 6 * LEVEL


def test_a_voice_that_came_by_opus_is_noticed_sooner() -> None:
    """From its first sample on, over all places of the voice within the model's window."""
    plain = noisy = 0
    for name in CALLERS:
        for shift in range(0, 256, 64):
            heard = _by_opus(name, shift)
            plain += _noticed(heard)
            noise = LineNoise()
            noisy += _noticed([noise.add(frame) for frame in heard])
    assert noisy < plain


def _by_opus(name: str, shift: int) -> list[bytes]:
    """A recorded caller after a second of silence, as a browser's leg hears them at 8 kHz."""
    audio, rate = soundfile.read(f"fixtures/calls/{name}", dtype="int16")
    assert rate == SAMPLE_RATE
    pcm = bytes(2 * (SAMPLE_RATE + shift)) + audio[:SAMPLE_RATE].tobytes()
    doubler, encoder, decoder, halver = Doubler(), Encoder(WIDE_RATE), Decoder(WIDE_RATE), Halver()
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]
    return [halver.feed(decoder.decode(encoder.encode(doubler.feed(frame))))[0] for frame in frames]


def _noticed(frames: list[bytes]) -> int:
    """The position at which speech is noticed."""
    vad = Vad(VadSettings())
    for at, frame in enumerate(frames):
        for event in vad.feed(at * FRAME_BYTES // 2, frame):
            if isinstance(event, SpeechStarted):
                return event.position
    raise AssertionError("not noticed")
