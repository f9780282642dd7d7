"""How long to hold back the beginning of a phrase, so that uneven synthesis leaves no gap inside it.

A phrase that is played from its first piece on runs dry if a later piece takes longer to come than the audio at hand
takes to play. The daemon remembers how far an engine fell behind, and delays its next phrases by that much; phrases of
an engine that stays ahead of the line never wait. Audio that is held back is dropped with the rest when the caller
takes the floor.
"""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE, samples

TICK = samples(0.02)
"""The line takes whole frames at its own ticks: a smaller shortfall does not matter, and a larger one needs a tick on
top."""
FADE = 0.9
"""The share of the lead that remains after each phrase that needed less, so that an engine recovers from a bad
moment."""


class Lead:
    """The lead that one engine has needed so far, shared by all calls that it speaks for."""

    def __init__(self) -> None:
        self._needed = 0.0

    def samples(self, most: int) -> int:
        """Samples by which to delay a phrase after its first piece, at most `most`."""
        return min(round(self._needed) + TICK, most) if self._needed >= TICK else 0

    def learn(self, arrivals: Arrivals) -> None:
        """Learns from a phrase that is over."""
        self._needed = max(float(arrivals.shortfall), FADE * self._needed)


class Arrivals:
    """The arrival times of one phrase's pieces."""

    def __init__(self) -> None:
        self.samples = 0
        """Samples that have come."""
        self.shortfall = 0
        """Samples by which the phrase would have run dry if it had been played from its first piece on."""
        self._waited_ns = 0

    def add(self, samples: int, waited_ns: int) -> None:
        """Adds `samples`, which came after waiting `waited_ns` for the engine."""
        if self.samples:
            self._waited_ns += waited_ns
            self.shortfall = max(self.shortfall, self._waited_ns * SAMPLE_RATE // 1_000_000_000 - self.samples)
        self.samples += samples
