"""Ends a command on SIGTERM as on Ctrl-C: everything it opened is closed, and no process is left behind."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """`asyncio.run`. Raises `SystemExit` (128 + 15, the shell convention) once the tasks that SIGTERM canceled are
    over.
    """

    async def cancellable() -> _T:
        task = asyncio.current_task()
        assert task is not None
        if threading.current_thread() is threading.main_thread():  # other platforms deliver no signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await main

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
