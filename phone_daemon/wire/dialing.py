"""Calls out: what became of one, which numbers a trunk may call, and how much it has called already.

Toll fraud is a stolen token or a talkative model that calls a dear number all night. So a trunk calls what its `allow`
names and nothing else, so often an hour and so long a day; and what it has called is kept in a file that a restart
does not empty and that the daemons of one machine share.
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
"""Of the ledger; beyond it what is older than a day is dropped."""


class Result(StrEnum):
    """What became of a call out."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    """The other side, or a network on the way, refused it: `code` says how."""
    FAILED = "failed"
    """It never got there: the trunk is away, or did not take it."""
    FORBIDDEN = "forbidden"
    """We do not make such a call."""
    WOULD_CALL = "would_call"
    """Nothing was done: it was a dry run."""


RETRIED = frozenset({Result.BUSY, Result.NO_ANSWER})
"""Another try may reach somebody."""
_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480, 487})
_TRUNK_FAILED = frozenset({0, 401, 403, 407, 500, 502, 503, 504})
"""The trunk's own trouble: another trunk may do better."""


def result_of(code: int, *, rang: bool) -> Result:
    """What a final response means (RFC 3261 section 21). `rang`: the other side's telephone did, before it came."""
    if code in _BUSY:
        return Result.BUSY
    if code in _NO_ANSWER:
        return Result.NO_ANSWER if rang or code != 408 else Result.FAILED
    return Result.FAILED if code in _TRUNK_FAILED and not rang else Result.REJECTED


def is_allowed(number: str, patterns: Iterable[str]) -> bool:
    """Whether `number` is one of `patterns`: "+442079460100", "+4420*" for all that begin so, "*" for all."""
    return any(number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a trunk has called lately."""

    calls: int
    """Begun in the last hour."""
    seconds: float
    """Of calls in the last day, those included that go on."""


class Ledger:
    """Calls out of the last day, in a file of lines of JSON, without numbers. A full disk stops no call."""

    def __init__(
        self, path: Path, now: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._now = now
        self._ticks = ticks
        self._live: dict[str, float] = {}
        """When each call of ours that goes on was made, by a clock that nobody sets."""
        self._unwritten: list[dict[str, object]] = []
        """What the disk did not take."""

    def begin(self, trunk: str, call: str) -> None:
        """A call is being made."""
        self._live[call] = self._ticks()
        self._write({"at": self._now(), "trunk": trunk, "call": call})

    def end(self, trunk: str, call: str, seconds: float) -> None:
        """It is over; `seconds` after it was answered."""
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
        # A call that goes on, or whose daemon died in it, counts from when it was made, an hour at most.
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
            with contextlib.suppress(ValueError):  # Half a line, of a machine that lost power.
                if isinstance(line := json.loads(text), dict):
                    found.append(line)
        if len(found) > MOST_LINES:
            self._shorten(found)
        return [*found, *self._unwritten]

    def _write(self, line: dict[str, object]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # One write of a short line at the end is whole, whoever else writes.
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
    """Why a trunk calls nobody now, in one line; empty: it may."""
    if spent.calls >= settings.per_hour:
        return f'trunk "{settings.name}" has made {spent.calls} calls in the last hour (per_hour = {settings.per_hour})'
    if spent.seconds >= 60 * settings.minutes_a_day:
        minutes = round(spent.seconds / 60)
        limit = settings.minutes_a_day
        return f'trunk "{settings.name}" has called for {minutes} minutes in the last day (minutes_a_day = {limit})'
    return ""
