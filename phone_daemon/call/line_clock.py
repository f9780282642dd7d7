"""When each of the caller's samples was on the line, no matter how late the daemon reads it. Pure.

A line ticks on time, but its frames may be read late, especially when a call begins on a busy machine. So the frame
that was read with the least delay says when the timeline began.
"""

from __future__ import annotations

from phone_daemon.events import SAMPLE_RATE

WINDOW_NS = 1_000_000_000
SLIP_NS = 100_000_000
"""A line that is behind by more than this was stopped for a while (`MAX_BEHIND_S`), and its timeline begins later."""


class LineClock:
    """One call's clock."""

    def __init__(self) -> None:
        self.origin_ns: int | None = None
        """When position 0 was on the line (monotonic ns); None before the first frame."""
        self._window_ns = 0
        """When this window ends. It is a window of time, not of frames, because delayed frames come all at once."""
        self._least_ns: int | None = None
        """The earliest beginning that this window's frames suggest."""

    def read(self, position: int, at_ns: int) -> None:
        """The frame at `position` was read at `at_ns`."""
        suggested = at_ns - duration_ns(position)
        if self.origin_ns is None or suggested < self.origin_ns:
            self.origin_ns = suggested
        if self._least_ns is None or at_ns >= self._window_ns:
            if self._least_ns is not None and self._least_ns - self.origin_ns > SLIP_NS:
                self.origin_ns = self._least_ns
            self._least_ns, self._window_ns = suggested, at_ns + WINDOW_NS
        self._least_ns = min(self._least_ns, suggested)

    def ns(self, position: int) -> int:
        """When `position` was, monotonic ns; a frame must have been read."""
        assert self.origin_ns is not None
        return self.origin_ns + duration_ns(position)


def duration_ns(samples: int) -> int:
    """The duration of `samples` at 8 kHz."""
    return samples * 1_000_000_000 // SAMPLE_RATE
