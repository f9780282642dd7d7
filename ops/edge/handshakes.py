"""Finds failed TLS connections in Kamailio's output: the reason, and the peer's address. Pure.

The rest of its output stays out of the log, because it quotes messages, and so reveals who calls whom.
"""

from __future__ import annotations

import re

from sidecars.log import Event

AGAIN_S = 60.0
"""The least time between two of these log lines, because anybody who finds the port can cause them."""
MAX_WAITING = 16
_WHY = re.compile(r"\((\d+)\) ERROR: tls .*TLS (accept|connect):error:[^:]*:[^:]*:[^:]*:(.+?)(?: \(sni: .*\))?$")
_WHO = re.compile(r"\((\d+)\) ERROR: tls .*src addr: (\S+):\d+$")


class Handshakes:
    """Takes Kamailio's lines in order; lines of several processes may be mixed."""

    def __init__(self) -> None:
        self._why: dict[str, tuple[str, str]] = {}
        """Direction and reason by process, until the line that names the peer."""
        self._told_at = float("-inf")
        self._untold = 0

    def take(self, line: str, now: float) -> Event | None:
        """Returns what to log, if anything; `now`: seconds of a monotonic clock."""
        if found := _WHY.search(line):
            self._why[found[1]] = found[2], found[3]
            if len(self._why) > MAX_WAITING:
                self._why.pop(next(iter(self._why)))
        elif (found := _WHO.search(line)) and found[1] in self._why:
            direction, reason = self._why.pop(found[1])
            if now < self._told_at + AGAIN_S:
                self._untold += 1
                return None
            untold, self._told_at, self._untold = self._untold, now, 0
            return Event("edge.tls_failed", host=found[2], by=direction, reason=reason, others_since=untold)
        return None
