"""Ends runs of onnxruntime when their time is over.

Between any two nodes of a graph, onnxruntime checks whether a run is to end (`RunOptions.terminate`). Its caller is
blocked, so a timer sets that flag; many short runs, such as those of a decoder, share one timer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any

import onnxruntime


class DeadlinePassed(Exception):
    """The runs were ended, or not started, because their time was over."""


class Deadline:
    """The deadline for the runs of some sessions. At most one at a time."""

    def __init__(self) -> None:
        self.options = onnxruntime.RunOptions()

    @contextmanager
    def within(self, seconds: float, what: str) -> Iterator[None]:
        """Runs within this context end with `DeadlinePassed` if `what` is not done within `seconds`."""
        options = self.options = onnxruntime.RunOptions()
        timer = Timer(seconds, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if options.terminate:
                raise DeadlinePassed(f"{what} was not understood within {seconds:g} s") from error
            raise
        finally:
            timer.cancel()
            self.options = onnxruntime.RunOptions()


class TimedSession:
    """An `onnxruntime.InferenceSession` for libraries that call `run`."""

    def __init__(self, session: Any, deadline: Deadline) -> None:
        self._session = session
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> Any:
        """Does the same as `InferenceSession.run`."""
        return self._session.run(outputs, inputs, self._deadline.options)
