"""Callbacks of pjsua2's that may fail without harm, and the line card's log."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def log(level: str, text: str) -> None:
    """One plain line on stderr. `pjsua2` has no part in it: its own log is off but for errors."""
    sys.stderr.write(f"{level} {text}\n")
    sys.stderr.flush()


def guarded(callback: F) -> F:
    """An exception must not travel through pjsua2's C++ frames: it would end the process and every call in it."""

    @functools.wraps(callback)
    def safe(*args: Any) -> Any:
        try:
            return callback(*args)
        except Exception:
            log("ERROR", traceback.format_exc().strip().replace("\n", " | "))
            return None

    return safe  # type: ignore[return-value]
