"""Checks of an engine's options: a wrong one is refused with its name, its value, and what is expected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def refuse_unknown(engine: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Raises `ValueError` if `options` name anything that is not in `known`."""
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(f"{unknown[0]!r}: {engine} knows the options {', '.join(sorted(known))}")


def a_number(name: str, value: object, low: float, high: float) -> float:
    """`value`, if it is a number from `low` to `high`. Raises `ValueError`."""
    return float(_between(name, value, low, high, int | float, "a number", ""))


def whole_number(name: str, value: object, low: float, high: float) -> int:
    """`value`, if it is a whole number from `low` to `high`. Raises `ValueError`."""
    return int(_between(name, value, low, high, int, "a whole number", ""))


def speaking_rate(value: object, high: float = 2.0) -> float:
    """`value`, if it is a speaking rate from 0.5 to `high`. Raises `ValueError`."""
    return float(_between("rate", value, 0.5, high, int | float, "a number", " (1.0 is normal)"))


def _between(  # noqa: PLR0917
    name: str, value: Any, low: float, high: float, kind: Any, expected: str, more: str
) -> int | float:
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        raise ValueError(f"{name} {value!r:.80}: expected {expected} from {low:g} to {high:g}{more}")
    found: int | float = value
    return found


def first_line(error: BaseException) -> str:
    """The first line that a library's error says, at most 300 characters; its name if it says nothing."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
