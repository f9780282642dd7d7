"""One figure of the bench: the measured value and its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[float], None]
"""Called with the fraction of a measurement that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`limit`: the highest value that passes; None if the figure is informative and has no target."""

    name: str
    value: float | None
    """None if it could not be measured here; the note says why."""
    unit: str = ""
    limit: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """None if there is no target."""
        return None if self.limit is None or self.value is None else self.value <= self.limit

    @property
    def target(self) -> str:
        """The value for people."""
        if self.limit is None:
            return ""
        return f"{'=' if self.limit == 0 else '≤'} {self.limit:g} {self.unit}".strip()

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": None if self.value is None else round(self.value, 4),
            "unit": self.unit,
            "limit": self.limit,
            "passed": self.passed,
            "note": self.note,
        }
