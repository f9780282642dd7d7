"""Guards pjsua2's callbacks against exceptions; the line card's log."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def log(level: str, text: str) -> None:
    """Writes one plain line to stderr. pjsua2's own log is off except for errors."""
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
