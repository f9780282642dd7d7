"""Whether what the caller's line sends is what we played, and how much later: cross-correlation, 20 ms at a time.

Speech correlates with other speech: both have pitch and formants. So both signals are whitened first, each by its own
linear prediction (order 10, as in speech codecs); what is left of two talkers has little in common, while an echo,
whatever its line did to the spectrum, keeps the pulses of the original in their places. The correlation over all lags
is gathered with two memories: a long one, for weak echoes, and a short one, for those that have moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import FRAME_SAMPLES

Samples = NDArray[np.float32]

LAGS = 7840
"""Echoes later than this many samples (980 ms) are not found: 600 ms of a line, and the jitter buffers of both ends."""
NEAR = 16
"""Lags that belong to one peak, in samples (2 ms): the shape of a hybrid's response."""
SAME = 12
"""Two sightings this many samples apart are one echo."""
CLEAR = 1.5
"""An echo's peak stands out from all other lags by this factor. Of 30,000 frames of two people talking at once, without
any echo, 24 had such a peak, and no two frames within 60 ms had it at the same lag."""
_ORDER = 10
_FFT = 8192
_WINDOW = np.hanning(2 * FRAME_SAMPLES + 2)[1:-1].astype(np.float32)
_TOEPLITZ = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
_QUIETEST = 6.0
"""A frame whose RMS is lower (-75 dBFS: µ-law's own noise) says nothing about echo."""


class _Whitener:
    """Takes the predictable part out of speech, in frames; `noise`: what lies below the noise floor stays as it is."""

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
        # Else the noise between the formants would be made as loud as they are.
        correlation[0] = 1.0003 * correlation[0] + 120 * (self._floor if self._noise else 1.0)
        predictor = np.linalg.solve(correlation[_TOEPLITZ], correlation[1:])
        error = np.concatenate([[1], -predictor]).astype(np.float32)
        return np.convolve(self._past[FRAME_SAMPLES - _ORDER :], error, "valid")


class _Memory:
    """Correlations of all lags, older ones fading."""

    def __init__(self, fading: float, least: float) -> None:
        """`fading`: what is left of the past a frame later. `least`: the correlation that an echo has, 0 to 1."""
        self._fading, self._least = fading, least
        self._products = np.zeros(LAGS, np.float32)
        self._agent = np.zeros(LAGS, np.float32)
        self._caller = 0.0

    def clear(self) -> None:
        self._products *= 0
        self._agent *= 0
        self._caller = 0.0

    def add(self, products: Samples, agent: Samples, caller: float) -> tuple[int, float]:
        """The lag that is most like an echo's, and how far its correlation stands out: 1 is what an echo's does.

        `products`, `agent`: the frame's correlation and our energy, lag by lag; `caller`: the frame's own energy.
        """
        self._products = self._fading * self._products + products
        self._agent = self._fading * self._agent + agent
        self._caller = self._fading * self._caller + caller
        # A little of the loudest is added: where the agent was silent, two noises would be compared.
        likeness = np.abs(self._products) / np.sqrt((self._agent + 0.02 * self._agent.max()) * self._caller + 1e-3)
        lag = int(np.argmax(likeness))
        peak = float(likeness[lag])
        likeness[max(0, lag - NEAR) : lag + NEAR + 1] = 0
        return lag, peak / max(self._least, CLEAR * float(likeness.max()))


@dataclass(slots=True)
class _Seen:
    lag: int
    frame: int


class EchoDelay:
    """Finds the lag of an echo. Positions are the frames fed; both sides are float32 samples on the 16-bit scale."""

    def __init__(self) -> None:
        self.lag: int | None = None
        """Samples from what we played to its echo, once seen twice within three frames; None: no echo yet."""
        self.standing = 0.0
        """How far the correlation up to now stands out: an echo's does by 1, other speech's seldom by 0.8."""
        self.recent = 0.0
        """The same by the short memory alone."""
        self._agent_white, self._caller_white = _Whitener(noise=False), _Whitener(noise=True)
        self._agent = np.zeros(LAGS + FRAME_SAMPLES, np.float32)
        self._short, self._long = _Memory(0.86, 0.25), _Memory(0.95, 0.16)
        self._before: list[_Seen] = []
        self._frame = 0

    def feed(self, caller: Samples, agent: Samples | None, *, look: bool = True) -> None:
        """Takes the next frame of both sides (`agent` None: silence); without `look`, only to remember it."""
        self._frame += 1
        self._agent[:-FRAME_SAMPLES] = self._agent[FRAME_SAMPLES:]
        self._agent[-FRAME_SAMPLES:] = 0 if agent is None else self._agent_white.feed(agent)
        self.standing = self.recent = 0.0
        if not look or float(np.mean(caller * caller)) < _QUIETEST**2 or not self._agent.any():
            return
        white = self._caller_white.feed(caller)
        spectrum = np.fft.rfft(self._agent, _FFT) * np.conj(np.fft.rfft(white, _FFT))
        products = np.fft.irfft(spectrum)[LAGS:0:-1].astype(np.float32)
        sums = np.concatenate([[0.0], np.cumsum(self._agent**2, dtype=np.float64)])
        energies = (sums[FRAME_SAMPLES:] - sums[:-FRAME_SAMPLES])[LAGS:0:-1].astype(np.float32)
        self._before = [seen for seen in self._before if self._frame - seen.frame < 3]
        now = []
        for memory in (self._long, self._short):
            lag, self.recent = memory.add(products, energies, float(white @ white))
            self.standing = max(self.standing, self.recent)
            if self.recent < 1:
                continue
            if any(abs(lag - seen.lag) <= SAME for seen in self._before):
                self.lag = lag
            now.append(_Seen(lag, self._frame))
        self._before += now

    def look_anew(self) -> None:
        """What comes now is no longer what it was: the short memory begins again."""
        self._short.clear()

    def forget(self) -> None:
        """The echo has gone: it must be found anew."""
        self.lag = None
        self._before.clear()
