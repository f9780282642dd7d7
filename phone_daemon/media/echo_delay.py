"""Whether what the caller's line sends is what we played, and how much later: cross-correlation, 20 ms at a time.

Speech correlates with other speech, because both have pitch and formants. So both signals are whitened first, each by
its own linear prediction (order 10, as in speech codecs). What remains of two talkers has little in common, while an
echo, whatever its line did to the spectrum, keeps the pulses of the original in their places. The correlation over all
lags is accumulated in two memories: a long one, for weak echoes, and a short one, for echoes that have moved.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import FRAME_SAMPLES

Samples = NDArray[np.float32]

LAGS = 7840
"""Echoes later than this many samples (980 ms) are not found. This covers 600 ms of a line, and the jitter buffers of
both ends."""
NEAR = 16
"""Lags that belong to one peak, in samples (2 ms): the shape of a hybrid's response."""
SAME = 12
"""Two sightings at most this many samples apart are one echo."""
CLEAR = 1.5
"""An echo's peak stands out from all other lags by this factor. Of 30,000 frames of two people talking at once without
any echo, 24 had such a peak, and no two frames within 60 ms had it at the same lag."""
BORNE_OUT = 0.5
SHARE = 0.07
"""A frame confirms a peak if it correlates half as well as the remembered audio, and adds at least this share to it."""
_SNRS_DB, _CORRELATIONS = (5.0, 25.0), (0.16, 0.55)
"""How well an echo correlates, depending on how far it is above the line's noise. Two voices at one pitch reach 0.45
for the length of a vowel: a loud voice that correlates no better may be the caller's."""
JUST, WITHIN, OFTEN = 3, 25, 6
"""A strong peak is an echo's once it is seen twice within 3 frames. Any other peak (a room's reverberation weakens it)
is an echo's once it is seen again after 6 of the last 25 frames: no two voices keep one pitch for that long."""
NOISE = 50
"""Frames (1 s) of which the quietest gives the line's noise."""
_ORDER = 10
_FFT = 8192
_WINDOW = np.hanning(2 * FRAME_SAMPLES + 2)[1:-1].astype(np.float32)
_TOEPLITZ = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
_QUIETEST = 6.0
"""A frame with a lower RMS (-75 dBFS, µ-law's own noise) says nothing about echo."""


class _Whitener:
    """Removes the predictable part of speech, in frames; `noise`: what lies below the noise floor stays as it is."""

    def __init__(self, *, noise: bool) -> None:
        self._past = np.zeros(2 * FRAME_SAMPLES, np.float32)
        self._floor = 4.0
        self._noise = noise

    def feed(self, frame: Samples) -> Samples:
        self._past = np.concatenate([self._past[FRAME_SAMPLES:], frame])
        if self._noise and (power := float(np.mean(frame * frame))) > 1:
            self._floor = min(power, 1.02 * self._floor)
        spectrum = np.fft.rfft(self._past * _WINDOW, 512)
        correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: _ORDER + 1]
        # Otherwise the noise between the formants would become as loud as the formants.
        correlation[0] = 1.0003 * correlation[0] + 120 * (self._floor if self._noise else 1.0)
        predictor = np.linalg.solve(correlation[_TOEPLITZ], correlation[1:])
        error = np.concatenate([[1], -predictor]).astype(np.float32)
        return np.convolve(self._past[FRAME_SAMPLES - _ORDER :], error, "valid")


@dataclass(frozen=True, slots=True)
class _Peak:
    """The lag that is most likely an echo's."""

    lag: int
    standing: float
    """How far its correlation stands out: by 1 for an echo."""
    borne_out: bool
    """Whether the newest frame agrees, and not only the remembered earlier ones."""
    strong: bool
    """Whether it correlates as well as an echo that is that far above the line's noise."""


class _Memory:
    """Correlations of all lags; older ones fade."""

    def __init__(self, fading: float, least: float) -> None:
        """`fading`: the share of the past that remains one frame later. `least`: the correlation of an echo, 0 to 1."""
        self._fading, self._least = fading, least
        self._products = np.zeros(LAGS, np.float32)
        self._agent = np.zeros(LAGS, np.float32)
        self._caller = 0.0
        self._snr_db = 0.0

    def clear(self) -> None:
        self._products *= 0
        self._agent *= 0
        self._caller = self._snr_db = 0.0

    def add(self, products: Samples, agent: Samples, caller: float, snr_db: float) -> _Peak:
        """Takes a frame: its correlation and our energy, for each lag; its own energy; how far it is above the
        noise."""
        self._products = self._fading * self._products + products
        self._agent = self._fading * self._agent + agent
        self._caller = self._fading * self._caller + caller
        self._snr_db = max(self._snr_db + 10 * math.log10(self._fading), snr_db)
        # A little of the loudest is added, or two noises would be compared where the agent was silent.
        likeness = np.abs(self._products) / np.sqrt((self._agent + 0.02 * self._agent.max()) * self._caller + 1e-3)
        lag = int(np.argmax(likeness))
        peak = float(likeness[lag])
        likeness[max(0, lag - NEAR) : lag + NEAR + 1] = 0
        own = float(products[lag] * np.sign(self._products[lag]))
        likely = BORNE_OUT * peak * math.sqrt(float(agent[lag]) * caller)
        return _Peak(
            lag,
            standing=peak / max(self._least, CLEAR * float(likeness.max())),
            borne_out=own >= max(likely, SHARE * abs(float(self._products[lag]))),
            strong=peak >= float(np.interp(self._snr_db, _SNRS_DB, _CORRELATIONS)),
        )


@dataclass(slots=True)
class _Seen:
    lag: int
    frame: int
    strong: bool


class EchoDelay:
    """Finds the lag of an echo. Positions count the frames that are fed; both sides are float32 samples on the 16-bit
    scale."""

    def __init__(self) -> None:
        self.lag: int | None = None
        """Samples from what we played to its echo; None while no echo is found."""
        self.standing = 0.0
        """How far the correlation so far stands out: by 1 for an echo, and seldom by 0.8 for other speech."""
        self.recent = 0.0
        """The same, by the short memory alone."""
        self._agent_white, self._caller_white = _Whitener(noise=False), _Whitener(noise=True)
        self._agent = np.zeros(LAGS + FRAME_SAMPLES, np.float32)
        self._short, self._long = _Memory(0.86, 0.25), _Memory(0.95, 0.16)
        self._seen: list[_Seen] = []
        self._frame = 0
        self._powers: deque[float] = deque(maxlen=NOISE)

    def feed(self, caller: Samples, agent: Samples | None, *, look: bool = True) -> None:
        """Takes the next frame of both sides (`agent` None means silence); without `look`, only remembers it."""
        self._frame += 1
        power = float(caller @ caller) / caller.size
        self._powers.append(max(power, 1.0))
        self._agent[:-FRAME_SAMPLES] = self._agent[FRAME_SAMPLES:]
        self._agent[-FRAME_SAMPLES:] = 0 if agent is None else self._agent_white.feed(agent)
        self.standing = self.recent = 0.0
        if not look or power < _QUIETEST**2 or not self._agent.any():
            return
        noise = min(self._powers)
        white = self._caller_white.feed(caller)
        spectrum = np.fft.rfft(self._agent, _FFT) * np.conj(np.fft.rfft(white, _FFT))
        products = np.fft.irfft(spectrum)[LAGS:0:-1].astype(np.float32)
        sums = np.concatenate([[0.0], np.cumsum(self._agent**2, dtype=np.float64)])
        energies = (sums[FRAME_SAMPLES:] - sums[:-FRAME_SAMPLES])[LAGS:0:-1].astype(np.float32)
        self._seen = [seen for seen in self._seen if self._frame - seen.frame < WITHIN]
        now = []
        for memory in (self._long, self._short):
            peak = memory.add(products, energies, float(white @ white), 10 * math.log10(power / noise))
            self.recent = peak.standing
            self.standing = max(self.standing, peak.standing)
            if peak.standing < 1 or not peak.borne_out:
                continue
            same = [seen for seen in self._seen if abs(peak.lag - seen.lag) <= SAME]
            just = [seen for seen in same if self._frame - seen.frame < JUST and seen.strong]
            if (peak.strong and just) or len({seen.frame for seen in same}) >= OFTEN:
                self.lag = peak.lag
            now.append(_Seen(peak.lag, self._frame, peak.strong))
        self._seen += now

    def look_anew(self) -> None:
        """Clears the short memory, because what comes now differs from what came before."""
        self._short.clear()

    def forget(self) -> None:
        """Forgets the echo, which is gone and must be found anew."""
        self.lag = None
        self._seen.clear()
