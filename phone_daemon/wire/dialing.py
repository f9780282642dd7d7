"""Outgoing calls: their results, which numbers a trunk may call, and how much it has already called.

Toll fraud is a stolen token, or a model that was talked into it, calling an expensive number all night. So a trunk
calls only what its `allow` names, with limits for each hour and day. What it has called is kept in a file that survives
restarts and is shared by the daemons of one machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from phone_daemon.settings.trunks import TrunkSettings

HOUR_S, DAY_S = 3600.0, 86_400.0
MOST_LINES = 20_000
"""Size of the ledger beyond which entries older than a day are dropped."""


class Result(StrEnum):
    """The result of an outgoing call."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    """The other side, or a network along the way, refused it: `code` says how."""
    FAILED = "failed"
    """The call never got there: the trunk is unreachable, or did not accept it."""
    FORBIDDEN = "forbidden"
    """We are not allowed to make this call."""
    WOULD_CALL = "would_call"
    """A dry run: no call was made."""


RETRIED = frozenset({Result.BUSY, Result.NO_ANSWER})
"""Whether another attempt may reach somebody."""
_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480, 487})
_TRUNK_FAILED = frozenset({0, 401, 403, 407, 500, 502, 503, 504})
"""Whether the problem is the trunk's, so that another trunk may succeed."""


def result_of(code: int, *, rang: bool) -> Result:
    """What a final response means (RFC 3261 section 21). `rang`: whether the other telephone rang before it."""
    if code in _BUSY:
        return Result.BUSY
    if code in _NO_ANSWER:
        return Result.NO_ANSWER if rang or code != 408 else Result.FAILED
    return Result.FAILED if code in _TRUNK_FAILED and not rang else Result.REJECTED


def is_allowed(number: str, patterns: Iterable[str]) -> bool:
    """Whether `number` is one of `patterns`: "+442079460100", "+4420*" for all numbers with this prefix, or "*" for
    all."""
    return any(number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Spent:
    """A trunk's recent outgoing calls."""

    calls: int
    """Calls begun in the last hour."""
    seconds: float
    """The duration of calls in the last day, including live ones."""


class Ledger:
    """Outgoing calls of the last day, in a file of JSON lines without numbers. A full disk does not prevent calls."""

    def __init__(
        self, path: Path, now: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._now = now
        self._ticks = ticks
        self._live: dict[str, float] = {}
        """When each live call was made, by a monotonic clock."""
        self._unwritten: list[dict[str, object]] = []
        """Lines that could not be written yet."""

    def begin(self, trunk: str, call: str) -> None:
        """Records that a call is being made."""
        self._live[call] = self._ticks()
        self._write({"at": self._now(), "trunk": trunk, "call": call})

    def end(self, trunk: str, call: str, seconds: float) -> None:
        """Records that a call is over, `seconds` after it was answered."""
        self._live.pop(call, None)
        self._write({"at": self._now(), "trunk": trunk, "call": call, "seconds": round(seconds, 1)})

    def spent(self, trunk: str) -> Spent:
        begun: dict[str, float] = {}
        seconds: dict[str, float] = {}
        now = self._now()
        for line in self._lines():
            match line:
                case {"trunk": name, "call": str(call), "at": float(at) | int(at)} if (
                    name == trunk and at > now - DAY_S
                ):
                    if isinstance(took := line.get("seconds"), float | int):
                        seconds[call] = took
                    else:
                        begun[call] = at
        # A live call, or one whose daemon died, counts from when it was made, for at most an hour.
        lasted = {call: max(now - at, 0.0) for call, at in begun.items() if call not in seconds}
        lasted |= {call: self._ticks() - at for call, at in self._live.items() if call in lasted}
        open_ = sum(min(each, HOUR_S) for each in lasted.values())
        return Spent(sum(at > now - HOUR_S for at in begun.values()), sum(seconds.values()) + open_)

    def _lines(self) -> list[dict[str, object]]:
        try:
            texts = self._path.read_text(encoding="utf-8").splitlines()
        except OSError:
            texts = []
        found: list[dict[str, object]] = []
        for text in texts:
            with contextlib.suppress(ValueError):  # An incomplete line, from a machine that lost power.
                if isinstance(line := json.loads(text), dict):
                    found.append(line)
        if len(found) > MOST_LINES:
            self._shorten(found)
        return [*found, *self._unwritten]

    def _write(self, line: dict[str, object]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A single write of a short line at the end is atomic, even if others write, too.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, json.dumps(line).encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError:
            self._unwritten.append(line)

    def _shorten(self, lines: list[dict[str, object]]) -> None:
        young = [line for line in lines if isinstance(at := line.get("at"), float | int) and at > self._now() - DAY_S]
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_text("".join(json.dumps(line) + "\n" for line in young), encoding="utf-8")
            new.replace(self._path)


def over_limit(settings: TrunkSettings, spent: Spent) -> str:
    """Why a trunk may not call now, in one line; empty: it may."""
    if spent.calls >= settings.per_hour:
        return f'trunk "{settings.name}" has made {spent.calls} calls in the last hour (per_hour = {settings.per_hour})'
    if spent.seconds >= 60 * settings.minutes_a_day:
        minutes = round(spent.seconds / 60)
        limit = settings.minutes_a_day
        return f'trunk "{settings.name}" has called for {minutes} minutes in the last day (minutes_a_day = {limit})'
    return ""
