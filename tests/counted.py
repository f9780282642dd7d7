"""Tests on the sample clock, which counts time instead of waiting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from phone_daemon.clock import run_counted

P = ParamSpec("P")


def counted(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs an async test on the sample clock: sleeping costs nothing, and nothing is late on a busy machine."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_counted(test(*args, **kwargs))

    return run
