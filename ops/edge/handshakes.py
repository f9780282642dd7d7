"""TLS connections that fail, picked from what Kamailio says: why, and who was at the other end. Pure.

The rest of its output stays out of the log: it quotes messages, and with them who calls whom.
"""

from __future__ import annotations

import re

from sidecars.log import Event

AGAIN_S = 60.0
"""Least time between two of these in the log: anybody who finds the port can make them."""
MAX_WAITING = 16
_WHY = re.compile(r"\((\d+)\) ERROR: tls .*TLS (accept|connect):error:[^:]*:[^:]*:[^:]*:(.+?)(?: \(sni: .*\))?$")
_WHO = re.compile(r"\((\d+)\) ERROR: tls .*src addr: (\S+):\d+$")


class Handshakes:
    """Takes Kamailio's lines, in order; several of its processes speak at once."""

    def __init__(self) -> None:
        self._why: dict[str, tuple[str, str]] = {}
        """Direction and reason, by process, until the line comes that names the other end."""
        self._told_at = float("-inf")
        self._untold = 0

    def take(self, line: str, now: float) -> Event | None:
        """What to log, if anything; `now` in seconds of a monotonic clock."""
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
