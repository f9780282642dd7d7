"""Whether two recordings contain the same speech, even with a line between them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
WINDOW = 160
"""20 ms at 8 kHz."""


def read(path: Path) -> list[Samples]:
    """The channels of a 16-bit WAV file at 8 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2), f"{path}: not 16 bits at 8 kHz"
        interleaved = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
        return [interleaved[channel :: file.getnchannels()] for channel in range(file.getnchannels())]


def loudness(samples: Samples) -> Samples:
    """RMS of each 20 ms."""
    whole = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    return np.sqrt(np.mean(whole * whole, axis=1, dtype=np.float32))


def has_speech(samples: Samples, seconds: float = 0.5) -> bool:
    """Whether at least this much of it is louder than a line's noise."""
    return bool(np.count_nonzero(loudness(samples) > 200) * 0.02 >= seconds)


def alike(part: Samples, whole: Samples) -> float:
    """Best normalized correlation, over all shifts, of the loudness of `part` with that of `whole`: 1 means the same.

    Loudness in 20 ms steps survives a jitter buffer and a µ-law codec; two different sentences stay below 0.7.
    """
    template, track = loudness(part), loudness(whole)
    track = np.concatenate([track, np.zeros(len(template), np.float32)])
    template = template - template.mean()
    best = 0.0
    for shift in range(len(track) - len(template) + 1):
        piece = track[shift : shift + len(template)]
        piece = piece - piece.mean()
        scale = float(np.linalg.norm(piece) * np.linalg.norm(template))
        best = max(best, float(piece @ template) / scale if scale else 0.0)
    return best


def share_in_order(part: Samples, whole: Samples) -> float:
    """The share of the speech in `part` that `whole` contains in the same order, by its loudness in 20 ms steps.

    For a client that drops what its busy machine plays too late: `alike` falls with the first gap, this does not. Of
    another sentence at most two thirds are found.
    """
    said = loudness(part)
    track = np.sqrt(np.mean(np.square(np.lib.stride_tricks.sliding_window_view(whole, WINDOW)[::20]), axis=1))
    longest = np.zeros(len(track) + 1, np.int64)
    """By place in `track`: how many steps of what was said so far are found up to there."""
    for level in said[said > 200]:
        longer = np.where(np.abs(track - level) <= 0.1 * level, longest[:-1] + 1, 0)
        longest[1:] = np.maximum.accumulate(np.maximum(longest[1:], longer))
    return float(longest[-1] / max(np.count_nonzero(said > 200), 1))
