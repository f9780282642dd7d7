"""How long the beginning of a phrase is held back, so that uneven synthesis leaves no gap inside it.

A phrase that is played from its first piece on runs dry when a later piece takes longer to come than what is there
takes to play. How far an engine fell behind is remembered, and its next phrases begin so much later; those of an
engine that keeps ahead of the line never wait. What waits is dropped with the rest when the caller takes the floor.
"""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE, samples

TICK = samples(0.02)
"""The line takes whole frames at its own ticks: a shortfall of less is none, and one of more wants one on top."""
FADE = 0.9
"""What is left of the lead after each phrase that needed less: an engine that had a bad moment is forgiven."""


class Lead:
    """What one engine has been seen to need; all calls that it speaks for share it."""

    def __init__(self) -> None:
        self._needed = 0.0

    def samples(self, most: int) -> int:
        """Samples by which a phrase is played later than its first piece comes, `most` at most."""
        return min(round(self._needed) + TICK, most) if self._needed >= TICK else 0

    def learn(self, arrivals: Arrivals) -> None:
        """Takes in a phrase that is over."""
        self._needed = max(float(arrivals.shortfall), FADE * self._needed)


class Arrivals:
    """When the pieces of one phrase came."""

    def __init__(self) -> None:
        self.samples = 0
        """That have come."""
        self.shortfall = 0
        """Samples by which the phrase would have run dry, had it been played from its first piece on."""
        self._waited_ns = 0

    def add(self, samples: int, waited_ns: int) -> None:
        """`samples` more came, after the engine had been waited for `waited_ns`."""
        if self.samples:
            self._waited_ns += waited_ns
            self.shortfall = max(self.shortfall, self._waited_ns * SAMPLE_RATE // 1_000_000_000 - self.samples)
        self.samples += samples
