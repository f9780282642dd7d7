"""Reads WAV files from elsewhere as what a phone line carries: 8 kHz, mono, 16 bits."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import soxr

from phone_daemon.events import SAMPLE_RATE
from sidecars.resample import to_pcm


class WavError(ValueError):
    """A file that cannot be used. The message is one line that names the file, what is wrong, and what to do."""


def read_wav(path: Path) -> bytes:
    """The recording at `path` as 8 kHz mono 16-bit PCM; other rates and channel counts are converted.

    Raises `WavError` if the file is missing, empty, truncated, or anything but 8- to 32-bit linear PCM.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width, frames = (
                file.getframerate(),
                file.getnchannels(),
                file.getsampwidth(),
                file.getnframes(),
            )
            raw = file.readframes(frames)
    except FileNotFoundError:
        raise WavError(f"{path}: no such file") from None
    except OSError as error:
        raise WavError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (wave.Error, EOFError) as error:
        if path.stat().st_size == 0:
            raise WavError(f"{path}: empty file") from None
        raise WavError(
            f"{path}: not a linear PCM WAV file ({error or 'it ends inside the header'}); convert it with: "
            "sox IN -e signed -b 16 OUT.wav"
        ) from None
    if not frames:
        raise WavError(f"{path}: no audio in it (0 samples)")
    if rate <= 0:
        raise WavError(f"{path}: a sample rate of {rate} Hz makes no sense")
    if len(raw) != frames * channels * width:
        there = len(raw) // (channels * width)
        raise WavError(f"{path}: cut short: the header promises {frames} samples, {there} are there")
    mono = _to_float(raw, width).reshape(frames, channels).mean(axis=1)
    return to_pcm(mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE))


def _to_float(raw: bytes, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Linear PCM of 1 (unsigned) to 4 bytes per sample, as float32 on the 16-bit scale."""
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) * 256
    if width == 3:
        widened = np.zeros((len(raw) // 3, 4), np.uint8)
        widened[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        raw, width = widened.tobytes(), 4
    scale = 1.0 if width == 2 else 1 / 65536
    return np.frombuffer(raw, f"<i{width}").astype(np.float32) * np.float32(scale)
