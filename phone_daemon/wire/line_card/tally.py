"""A card's counters: its ticks and how late they were, and what its calls missed."""

from __future__ import annotations

import resource
from collections import deque
from collections.abc import Collection
from pathlib import Path
from typing import Any

from phone_daemon.wire.line_card.leg import Leg
from phone_daemon.wire.protocol import Stats


class Tally:
    def __init__(self) -> None:
        self.ticks = 0
        self._lateness: deque[float] = deque(maxlen=3_000)
        self._underruns = self._stale = self._late_audio = 0

    def ticked(self, late_s: float) -> None:
        self.ticks += 1
        self._lateness.append(late_s)

    def add(self, leg: Leg) -> None:
        """Adds the counts of `leg`, which is over, to those of earlier calls."""
        self._underruns += leg.playout.underruns
        self._late_audio += leg.playout.late_audio
        self._stale += leg.stale_frames

    def stats(self, legs: Collection[Leg], lost_frames: int, endpoint: Any) -> Stats:
        """`legs`: the live ones; `endpoint`: pjsua2's."""
        late = sorted(self._lateness) or [0.0]
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return Stats(
            ticks=self.ticks,
            tick_late_p99_us=round(late[int(len(late) * 0.99)] * 1e6),
            tick_late_max_us=round(late[-1] * 1e6),
            underruns=self._underruns + sum(leg.playout.underruns for leg in legs),
            stale_frames=self._stale + sum(leg.stale_frames for leg in legs),
            late_audio=self._late_audio + sum(leg.playout.late_audio for leg in legs),
            lost_frames=lost_frames,
            calls=len(legs),
            conf_ports=int(endpoint.mediaActivePorts()),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1,
            rss_bytes=pages * resource.getpagesize(),
            cpu_s=usage.ru_utime + usage.ru_stime,
        )
