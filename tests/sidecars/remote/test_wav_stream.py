"""PCM from a server's answer, however it is divided into pieces."""

from __future__ import annotations

import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecars.remote.wav_stream import NotWav, WavStream

PCM = bytes(range(1, 201))


def wav(pcm: bytes = PCM, rate: int = 22050, channels: int = 1, width: int = 2) -> bytes:
    """A file as written by the standard library."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()


def endless(file: bytes) -> bytes:
    """As written by a server that does not know the length yet."""
    return file[:4] + b"\xff" * 4 + file[8:40] + b"\xff" * 4 + file[44:]


def fed(stream: WavStream, data: bytes, size: int) -> bytes:
    return b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size))


@given(st.integers(1, 300), st.sampled_from([wav(), endless(wav())]))
def test_a_header_says_the_rate_and_is_not_heard(size: int, file: bytes) -> None:
    stream = WavStream(24000)
    assert fed(stream, file, size) == PCM
    assert stream.rate == 22050


@given(st.integers(1, 300))
def test_bare_pcm_passes_in_whole_samples(size: int) -> None:
    stream = WavStream(24000)
    assert fed(stream, PCM, size) == PCM
    assert stream.rate == 24000


def test_half_a_sample_at_the_end_is_dropped() -> None:
    assert WavStream(24000).feed(b"abc") == b"ab"


def test_what_follows_the_audio_is_not_heard() -> None:
    assert WavStream(24000).feed(wav() + b"LIST\x04\x00\x00\x00abcd") == PCM


def test_other_chunks_before_the_audio_are_skipped() -> None:
    file = wav()
    assert WavStream(24000).feed(file[:36] + b"LIST\x03\x00\x00\x00abc\x00" + file[36:]) == PCM


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (wav(channels=2), "2 channels"),
        (wav(width=1), "8 bits"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "not WAVE"),
        (b"RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00", "without a format"),
        (b"RIFF\x00\x00\x00\x00WAVEjunk\xff\xff\xff\x00", "without audio data"),
    ],
)
def test_another_kind_of_file_is_named(data: bytes, why: str) -> None:
    with pytest.raises(NotWav, match=why):
        WavStream(24000).feed(data)
