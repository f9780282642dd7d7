"""How a caller's line returns the agent's voice: a speakerphone in a room, an analog adapter, a hybrid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, samples

BAND_HZ = (300.0, 3400.0)
"""The frequencies that a telephone's loudspeaker and its line pass."""
TAPS = 129
DIRECT = 0.65
"""The fraction of a room's echo that comes straight from the loudspeaker."""


@dataclass(frozen=True, slots=True)
class Echo:
    """How the line returns what it hears."""

    loss_db: float
    """Level of the echo relative to what was heard."""
    delay_s: float = 0.0
    room_s: float = 0.0
    """Reverberation time (RT60) of the speakerphone's room; 0 if there is none, as in a hybrid."""


class EchoPath:
    """Turns frames of 8 kHz PCM into frames of their echo; deterministic, whenever the frames are fed."""

    def __init__(self, echo: Echo) -> None:
        room = np.zeros(max(1, samples(echo.room_s)))
        if echo.room_s:
            decay = 10 ** (-3 * np.arange(room.size) / room.size)
            room[:] = np.random.default_rng(0).standard_normal(room.size) * decay
            room *= np.sqrt((1 - DIRECT) / DIRECT / np.sum(room**2))
        room[0] = 1.0
        response = np.convolve(room, _band_pass())
        self._response = response * 10 ** (-echo.loss_db / 20) / np.sqrt(np.sum(room**2))
        self._heard = np.zeros(samples(echo.delay_s) + self._response.size - 1 + FRAME_SAMPLES)

    def feed(self, heard: bytes) -> bytes:
        """The echo that arrives in the same tick as `heard` (empty: silence)."""
        self._heard[:-FRAME_SAMPLES] = self._heard[FRAME_SAMPLES:]
        self._heard[-FRAME_SAMPLES:] = np.frombuffer(heard or bytes(FRAME_BYTES), "<i2")
        begun = self._heard[: self._response.size - 1 + FRAME_SAMPLES]
        return _to_pcm(np.convolve(begun, self._response, "valid"))


def mixed(one: bytes, other: bytes) -> bytes:
    """The sum of both."""
    return _to_pcm(np.frombuffer(one, "<i2").astype(np.float64) + np.frombuffer(other, "<i2"))


def _to_pcm(sound: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    return np.clip(np.round(sound), -32768, 32767).astype("<i2").tobytes()


def _band_pass() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A windowed sinc filter."""
    at = np.arange(TAPS) - TAPS // 2
    low, high = (2 * hz / SAMPLE_RATE for hz in BAND_HZ)
    return np.asarray((high * np.sinc(high * at) - low * np.sinc(low * at)) * np.hamming(TAPS), np.float64)
