"""How fast a voice speaks: where in a phrase it is, while the rest of it is still being made and nothing is marked."""

from __future__ import annotations

SAMPLES_PER_CHARACTER = 540
"""Of a voice that has not been heard yet, at 8 kHz: 15 characters a second, the pace of a calm one."""
DOUBT = 30
"""Characters of speech after which what was heard counts for as much as what was assumed."""


class Pace:
    """What one call's voice has been heard to need for its phrases."""

    def __init__(self, rate: float = 1.0) -> None:
        """`rate`: 1.0 is normal, 2.0 twice as fast."""
        self._characters = float(DOUBT)
        self._samples = DOUBT * SAMPLES_PER_CHARACTER / rate

    @property
    def samples_per_character(self) -> float:
        return self._samples / self._characters

    def learn(self, characters: int, samples: int) -> None:
        """A phrase of so many characters, as spoken, took so many samples."""
        self._characters += characters
        self._samples += samples
