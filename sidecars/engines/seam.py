"""Joins successive versions of a growing waveform into one stream without a click.

A model that is run again with more input changes the end of its earlier output slightly. So the end of each version is
held back, and where the next version takes over, the two are crossfaded.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Wave: TypeAlias = NDArray[np.float32]


class Seam:
    """At the end of each version but the last, `held` samples are held back; `fade` of them (≤ `held`) overlap."""

    def __init__(self, held: int, fade: int) -> None:
        assert 0 < fade <= held
        self._held = held
        self._weight = ((1 - np.cos(np.pi * (np.arange(fade) + 0.5) / fade)) / 2).astype(np.float32)
        self._tail: Wave = np.zeros(0, np.float32)
        """The last version's samples after those that were returned."""
        self.given = 0
        """The number of samples returned so far."""

    def take(self, wave: Wave, *, last: bool = False) -> Wave:
        """Returns the samples of `wave`, a version from the very beginning, that are now final and were not returned
        before."""
        certain = max(self.given, len(wave) if last else len(wave) - self._held)
        new = wave[self.given : certain].copy()
        overlap = min(len(self._tail), len(self._weight), len(new))
        weight = self._weight[:overlap]
        new[:overlap] = self._tail[:overlap] * (1 - weight) + new[:overlap] * weight
        if len(new):
            self._tail = wave[certain : certain + len(self._weight)].copy()
        self.given = certain
        return new
