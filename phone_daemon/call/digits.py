"""Turns keys that are pressed one by one into a turn's worth of digits."""

from __future__ import annotations

from phone_daemon.events import samples

PAUSE_S = 2.5
"""A number is complete if no further key is pressed for this long."""


class DigitCollector:
    """Collects keys until the wanted number have come, `#` is pressed, or the caller pauses."""

    def __init__(self) -> None:
        self._digits = ""
        self._position = 0

    def __bool__(self) -> bool:
        """Whether a number is being typed."""
        return bool(self._digits)

    def press(self, digit: str, position: int) -> None:
        """Takes a key pressed at `position` (samples)."""
        self._digits += digit
        self._position = position

    def take(self, wanted: int, position: int) -> str:
        """The digits, once they are complete at `position`; empty until then, or if only `#` was pressed. `wanted`: how
        many digits complete the number; 0: only `#` or a pause does. Digits typed ahead are kept for the next turn.
        """
        before, hash_key, after = self._digits.partition("#")
        if 0 < wanted <= len(before):
            digits = before[:wanted]
            self._digits = self._digits[wanted:].removeprefix("#")
        elif hash_key:
            digits, self._digits = before, after
        elif position - self._position >= samples(PAUSE_S):
            digits, self._digits = before, ""
        else:
            digits = ""
        return digits
