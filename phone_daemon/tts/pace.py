"""How fast a voice speaks. It tells how far a phrase has been spoken while the phrase is still being synthesized and
has no marks."""

from __future__ import annotations

SAMPLES_PER_CHARACTER = 540
"""Pace of a voice that has not been heard yet, at 8 kHz: 15 characters per second, a calm pace."""
DOUBT = 30
"""Characters of speech after which the measured pace counts as much as the assumed pace."""


class Pace:
    """The pace of one call's voice, as measured on its phrases."""

    def __init__(self, rate: float = 1.0) -> None:
        """`rate`: 1.0 is normal, 2.0 is twice as fast."""
        self._characters = float(DOUBT)
        self._samples = DOUBT * SAMPLES_PER_CHARACTER / rate

    @property
    def samples_per_character(self) -> float:
        return self._samples / self._characters

    def learn(self, characters: int, samples: int) -> None:
        """Learns that a phrase of `characters`, as spoken, took `samples`."""
        self._characters += characters
        self._samples += samples
