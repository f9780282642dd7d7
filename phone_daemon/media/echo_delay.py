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
from phone_daemon.media.prediction import prediction_error

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
SIGN, CALM = 0.6, 150
"""A line on which no correlation has stood out by as much as this in so many looks (3 s) returns nothing, as far as is
known: of a line's noise and our voice one in 300 does."""
RESTING, LOUD = 4, 2.5
"""On such a line, unless a frame is louder than its noise by this factor of its power (4 dB), one look in so many
frames is enough."""
BLOCKS = LAGS // FRAME_SAMPLES
_QUIETEST = 6.0
"""A frame with a lower RMS (-75 dBFS, µ-law's own noise) says nothing about echo."""
_SILENCE = np.zeros(FRAME_SAMPLES, np.float32)


class _Played:
    """What we played in the last `LAGS` samples, whitened. Most lines return nothing, so each frame is only whitened
    once it is to be compared with something, together with those before it."""

    def __init__(self) -> None:
        self._new: deque[Samples] = deque([_SILENCE], BLOCKS + 2)
        """The last frame that has been whitened, and those that have not."""
        self._white = np.zeros((BLOCKS + 1, FRAME_SAMPLES), np.float32)
        self._spectra = np.zeros((BLOCKS, FRAME_SAMPLES + 1), np.complex64)
        """Of each frame with the next."""
        self._energies = np.zeros((BLOCKS, FRAME_SAMPLES), np.float32)
        """Of what a frame of the caller's is compared with, by where it begins in ours."""
        self._silent = BLOCKS + 1
        """Frames of silence that end it."""

    @property
    def silent(self) -> bool:
        return self._silent > BLOCKS

    def add(self, frame: Samples | None) -> None:
        """Takes the next frame; None means silence."""
        self._silent = self._silent + 1 if frame is None else 0
        self._new.append(_SILENCE if frame is None else frame)

    def compared(self, white: Samples) -> tuple[Samples, Samples]:
        """Its correlation with `white`, a frame of the caller's, and its energy, for each lag from 0 to `LAGS`."""
        if len(self._new) > 1:
            self._whiten()
        spectrum = np.conj(np.fft.rfft(white, 2 * FRAME_SAMPLES))
        products = np.fft.irfft(self._spectra * spectrum)[:, 1 : FRAME_SAMPLES + 1].astype(np.float32)
        return products.ravel()[::-1], self._energies.ravel()[::-1]

    def _whiten(self) -> None:
        fresh = prediction_error(np.concatenate(self._new), 1.0)[-BLOCKS - 1 :]
        last = self._new[-1]
        self._new.clear()
        self._new.append(last)
        count = len(fresh)
        self._white = np.concatenate([self._white[count:], fresh])
        count = min(count, BLOCKS)
        pairs = np.concatenate([self._white[-count - 1 : -1], self._white[-count:]], axis=1)
        sums = np.cumsum(pairs**2, axis=1, dtype=np.float64)
        energies = (sums[:, FRAME_SAMPLES:] - sums[:, :FRAME_SAMPLES]).astype(np.float32)
        self._spectra = np.concatenate([self._spectra[count:], np.fft.rfft(pairs)])
        self._energies = np.concatenate([self._energies[count:], energies])


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
        self._played = _Played()
        self._before = _SILENCE
        """The caller's last frame."""
        self._floor = 4.0
        """The power below which what the caller sends is not whitened."""
        self._rested = self._calm = 0
        """Frames since the last look, and looks since the last sign of an echo."""
        self._short, self._long = _Memory(0.86, 0.25), _Memory(0.95, 0.16)
        self._seen: list[_Seen] = []
        self._frame = 0
        self._powers: deque[float] = deque(maxlen=NOISE)

    def feed(self, caller: Samples, agent: Samples | None, *, look: bool = True) -> None:
        """Takes the next frame of both sides (`agent` None means silence); without `look`, only remembers it."""
        self._frame += 1
        power = float(caller @ caller) / caller.size
        self._powers.append(max(power, 1.0))
        if power > 1:
            self._floor = min(power, 1.02 * self._floor)
        self._played.add(agent)
        before, self._before = self._before, caller
        self.standing = self.recent = 0.0
        noise = min(self._powers)
        self._rested += 1
        if self._calm >= CALM and power < LOUD * noise and self._rested < RESTING:
            return
        if not look or power < _QUIETEST**2 or self._played.silent:
            return
        self._rested, self._calm = 0, self._calm + 1
        white = prediction_error(np.concatenate([before, caller]), self._floor)[0]
        products, energies = self._played.compared(white)
        self._seen = [seen for seen in self._seen if self._frame - seen.frame < WITHIN]
        now = []
        for memory in (self._long, self._short):
            peak = memory.add(products, energies, float(white @ white), 10 * math.log10(power / noise))
            self.recent = peak.standing
            self.standing = max(self.standing, peak.standing)
            self._calm = 0 if peak.standing >= SIGN else self._calm
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
