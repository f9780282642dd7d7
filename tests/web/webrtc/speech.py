"""A recorded caller as 8 kHz PCM, cut into frames and compared."""

from __future__ import annotations

import functools

import numpy as np
import soundfile

from phone_daemon.events import FRAME_BYTES


@functools.cache
def caller(path: str = "fixtures/calls/asks_hours_twice/when.wav") -> bytes:
    """A sentence, 16-bit mono at 8 kHz."""
    audio, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000
    pcm: bytes = audio.tobytes()
    return pcm


def frames(pcm: bytes) -> list[bytes]:
    """Frames of 20 ms; the rest at the end is dropped."""
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def likeness(sent: bytes, received: bytes) -> float:
    """The correlation of the two at the delay where it is highest; 1 is the same."""
    ours, theirs = (np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(float) for pcm in (sent, received))
    size = len(ours) + len(theirs)
    products = np.fft.irfft(np.fft.rfft(theirs, size) * np.conj(np.fft.rfft(ours, size)), size)
    at = int(np.argmax(products[: len(theirs)]))
    same = np.zeros_like(ours)
    same[: len(theirs) - at] = theirs[at : at + len(ours)]
    return float(ours @ same / (np.linalg.norm(ours) * np.linalg.norm(same) + 1))


def pieces_found(sent: bytes, received: bytes, seconds: float = 0.25) -> float:
    """The fraction of the louder pieces of what was sent that are found in what was received, wherever they are.

    A busy machine loses or repeats 20 ms now and then: the rest is shifted, but still the same.
    """
    size = round(seconds * 16_000)
    pieces = [sent[at : at + size] for at in range(0, len(sent) - size, size)]
    powers = [float(np.square(np.frombuffer(piece, "<i2").astype(float)).mean()) for piece in pieces]
    loud = [piece for piece, power in zip(pieces, powers, strict=True) if power >= sorted(powers)[len(powers) // 2]]
    return sum(likeness(piece, received) > 0.7 for piece in loud) / len(loud)
