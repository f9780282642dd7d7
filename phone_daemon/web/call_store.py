"""Past calls, found by number, time, words, slowness, and failure, in a SQLite database beside the recordings.

The call folders are authoritative, and `calls.db` is an index of them, with a row for each call and, in a full-text
table (FTS5), a row for each turn. It can be deleted at any time and is then rebuilt from the folders. Calls that are
removed are removed from both.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from phone_daemon.events import EndReason
from phone_daemon.telemetry.turn_log import is_written
from phone_daemon.web.database import Database
from phone_daemon.web.webhook_queue import WebhookQueue

FILE = "calls.db"
SCHEMA = 1
NAME = re.compile(r"(?!\.)[\w.-]{1,128}", re.ASCII)
"""A call's id: a single safe folder name that cannot lead to any other place."""
FAILED = (EndReason.FAILED, EndReason.LINE_CARD_DIED, EndReason.NO_ACK, EndReason.RTP_TIMEOUT)
LIVE_S = 30.0
"""A call that has no end is still live if its daemon has its files open or, where files cannot be locked, if they were
written to this recently by a clock that has not been set since."""
LEAST_DIGITS = 7
"""The fewest digits of a number that is compared with others by its ending."""
WRITTEN = re.compile(r"[\s+()./-]*\d[\d\s+()./-]*", re.ASCII)
"""A telephone number as people write it."""
MOST = 200
"""The most calls in one answer."""

_TABLES = """
CREATE TABLE calls (
    call TEXT PRIMARY KEY, caller TEXT, called TEXT, dialplan TEXT, started TEXT, seconds REAL, reason TEXT,
    turns INTEGER, interruptions INTEGER, ttfa_ms REAL, faults INTEGER, failed INTEGER, bytes INTEGER
) WITHOUT ROWID;
CREATE INDEX by_start ON calls (started);
CREATE INDEX by_caller ON calls (caller);
CREATE VIRTUAL TABLE turns USING fts5 (caller, agent, call UNINDEXED, turn UNINDEXED, tokenize = 'unicode61');
"""

_SNIPPETS = "SELECT call, snippet(turns, -1, '', '', '…', 16) FROM turns WHERE turns MATCH ? AND call IN ({})"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which past calls to find; unset fields match all of them. `before`: a call's id, for the next page."""

    words: str = ""
    number: str = ""
    """The caller's or called number, or the end of it."""
    dialplan: str = ""
    since: str = ""
    """ISO 8601, UTC."""
    until: str = ""
    slower_than_ms: float | None = None
    """At least one turn's time to first audio was slower."""
    failed: bool | None = None
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed from the disk and from the index."""

    calls: int = 0
    recordings: int = 0
    turns: int = 0
    bytes: int = 0


class CallStore:
    """The calls under one folder. Methods may be called from any thread, and run one at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # It can be rebuilt from the folders.
        self._db = Database(directory / FILE, _TABLES, SCHEMA, disposable=True)

    def close(self) -> None:
        self._db.close()

    # ------------------------------------------------------------------------------------------------- rows

    def add(self, call: str) -> bool:
        """Reads a call's folder again; False if there is none, or if nothing in it can be read."""
        found = read_call(self.directory / call) if NAME.fullmatch(call) else None
        if found is None:
            return False
        row, turns = found
        with self._db.open() as db:
            _drop(db, [call])
            db.execute(f"INSERT INTO calls VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
            db.executemany(
                "INSERT INTO turns (caller, agent, call, turn) VALUES (?, ?, ?, ?)",
                [(turn.get("caller", ""), turn.get("heard", ""), call, turn.get("turn", 0)) for turn in turns],
            )
        return True

    def sync(self) -> int:
        """Indexes folders that are new or have changed, and drops rows whose folder is gone; returns the number of
        calls."""
        with self._db.open() as db:
            known = dict(db.execute("SELECT call, bytes FROM calls"))
        there = {folder.name: folder for folder in self._folders()}
        for name, folder in there.items():
            if known.get(name) != _size(folder):
                self.add(name)
        with self._db.open() as db:
            _drop(db, [name for name in known if name not in there])
        return len(there)

    def rebuild(self) -> int:
        """Rebuilds the whole index; returns the number of calls in it."""
        with self._db.open() as db:
            db.execute("DELETE FROM calls")
            db.execute("DELETE FROM turns")
        return sum(self.add(folder.name) for folder in self._folders())

    def _folders(self) -> list[Path]:
        try:
            return sorted(each for each in self.directory.iterdir() if each.is_dir() and NAME.fullmatch(each.name))
        except OSError:
            return []

    # ----------------------------------------------------------------------------------------------- search

    def search(self, wanted: Wanted) -> tuple[list[dict[str, Any]], bool]:
        """Returns the calls that match, latest first, and whether there are more."""
        where, values = _where(wanted)
        limit = max(1, min(wanted.limit, MOST))
        with self._db.open() as db:
            rows = db.execute(
                f"SELECT * FROM calls{where} ORDER BY started DESC, call DESC LIMIT ?", (*values, limit + 1)
            )
            found = [dict(row) for row in rows]
            if match := _match(wanted.words):
                # One query for all calls, so that the words are looked up only once.
                calls = [row["call"] for row in found[:limit]]
                said = db.execute(_SNIPPETS.format(", ".join("?" * len(calls))), (match, *calls)).fetchall()
                snippets = dict(reversed([tuple(row) for row in said]))
                for row in found[:limit]:
                    row["snippet"] = snippets.get(row["call"], "")
        return [row | {"failed": bool(row["failed"])} for row in found[:limit]], len(found) > limit

    def get(self, call: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """A past call's row and the lines of its `turns.jsonl`, read from its folder; None if there is no such call."""
        found = read_call(self.directory / call) if NAME.fullmatch(call) else None
        return None if found is None else (found[0] | {"failed": bool(found[0]["failed"])}, found[1])

    def recording(self, call: str) -> Path | None:
        """The path of a call's `call.wav`; None if there is none, or if `call` is not a call's id."""
        path = self.directory / call / "call.wav" if NAME.fullmatch(call) else None
        return path if path is not None and path.is_file() and not path.is_symlink() else None

    # ---------------------------------------------------------------------------------------------- removal

    def forget(self, number: str) -> tuple[Removed, list[str]]:
        """Removes every call from or to `number`; also returns the ids of those that are still live. From seven digits
        on, a telephone number matches with and without its country code and prefixes.
        """
        found = self.calls_of(number)
        live = [call for call in found if self.goes_on(call)]
        return self.remove([call for call in found if call not in live]), live

    def calls_of(self, number: str) -> list[str]:
        """The ids of all calls from or to `number`."""
        self.sync()
        with self._db.open() as db:
            rows = db.execute("SELECT call, caller, called FROM calls").fetchall()
        return [row["call"] for row in rows if _same(row["caller"], number) or _same(row["called"], number)]

    def expire(self, keep_days: float, keep_gb: float, now: datetime) -> Removed:
        """Removes calls older than `keep_days`, then the oldest ones while all together take more than `keep_gb`. 0: no
        limit.
        """
        with self._db.open() as db:
            calls = [tuple(row) for row in db.execute("SELECT call, started, bytes FROM calls ORDER BY started DESC")]
        oldest = (now - timedelta(days=keep_days)).astimezone(UTC).isoformat() if keep_days else ""
        most = keep_gb * 1e9 if keep_gb else float("inf")
        old, kept = [], 0.0
        for call, started, size in calls:
            kept += size
            if (started < oldest or kept > most) and not self.goes_on(call):
                old.append(call)
        return self.remove(old)

    def remove(self, calls: Iterable[str]) -> Removed:
        """Removes folders and rows. Raises `OSError` if a folder cannot be removed; its rows are then kept."""
        recordings = size = 0
        gone = []
        turns = 0
        for call in calls:
            folder = self.directory / call
            recordings += (folder / "call.wav").exists()
            size += _size(folder)
            if folder.exists():
                shutil.rmtree(folder)
            gone.append(call)
            with self._db.open() as db:
                turns += db.execute("SELECT count(*) FROM turns WHERE call = ?", (call,)).fetchone()[0]
                _drop(db, [call])
        if gone:
            with contextlib.closing(WebhookQueue(self.directory)) as waiting:
                waiting.forget(gone)
            with self._db.open() as db:
                # Spoken words must not survive in pages that the index has freed, nor in its log.
                db.execute("INSERT INTO turns (turns) VALUES ('optimize')")
            self._db.scrub(vacuum=True)
        return Removed(len(gone), recordings, turns, size)

    def remove_past(self, call: str) -> bool:
        """Removes one call, unless it is still live; returns whether it was removed."""
        return not self.goes_on(call) and bool(self.remove([call]).calls)

    def goes_on(self, call: str) -> bool:
        """Whether the call is still live, as far as its folder shows."""
        folder = self.directory / call
        found = read_call(folder)
        if found is None or found[0]["reason"]:
            return False
        # Nothing is written while a caller waits in a call without a recording.
        if is_written(folder / "turns.jsonl"):
            return True
        latest = max((each.stat().st_mtime for each in folder.iterdir()), default=0.0)
        return abs(time.time() - latest) < LIVE_S


def read_call(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """A call's row and its turns, read from its folder; truncated lines are skipped."""
    turns = list(_lines(folder / "turns.jsonl"))
    about = next(_lines(folder / "call.json"), None)
    if about is None:
        if not turns:
            return None
        about = {"wall": {"started": turns[0].get("wall", {}).get("started", "")}}
    latencies = [turn["ttfa_ms"] for turn in turns if isinstance(turn.get("ttfa_ms"), int | float)]
    faults = sum(len(turn.get("faults", ())) for turn in turns)
    reason = str(about.get("reason", ""))
    row = {
        "call": folder.name,
        **{key: str(about.get(key, "")) for key in ("caller", "called", "dialplan")},
        "started": str(about.get("wall", {}).get("started", "")),
        "seconds": float(about.get("seconds", 0.0)),
        "reason": reason,
        "turns": len(turns),
        "interruptions": sum(bool(turn.get("interrupted")) for turn in turns),
        "ttfa_ms": max(latencies, default=None),
        "faults": faults,
        "failed": int(reason in FAILED or faults > 0),
        "bytes": _size(folder),
    }
    return row, turns


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            if isinstance(found := json.loads(line), dict):
                yield found


def _size(folder: Path) -> int:
    try:
        return sum(each.stat().st_size for each in folder.iterdir() if each.is_file())
    except OSError:
        return 0


def _drop(db: sqlite3.Connection, calls: Iterable[str]) -> None:
    names = [(call,) for call in calls]
    db.executemany("DELETE FROM calls WHERE call = ?", names)
    db.executemany("DELETE FROM turns WHERE call = ?", names)


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    conditions: Mapping[str, tuple[Any, ...]] = {
        "call IN (SELECT call FROM turns WHERE turns MATCH ?)": (_match(wanted.words),),
        "(caller LIKE ? ESCAPE '\\' OR called LIKE ? ESCAPE '\\')": (_ending(wanted.number),) * 2,
        "dialplan = ?": (wanted.dialplan,),
        "started >= ?": (wanted.since,),
        "started < ?": (wanted.until,),
        "ttfa_ms > ?": (wanted.slower_than_ms,),
        "failed = ?": (None if wanted.failed is None else int(wanted.failed),),
        "(started, call) < (SELECT started, call FROM calls WHERE call = ?)": (wanted.before,),
    }
    used = {text: values for text, values in conditions.items() if values[0] not in ("", None)}
    where = f" WHERE {' AND '.join(used)}" if used else ""
    return where, [value for values in used.values() for value in values]


def _same(one: str, other: str) -> bool:
    ours, theirs = (re.sub(r"\D", "", each).lstrip("0") for each in (one, other))
    if min(len(ours), len(theirs)) >= LEAST_DIGITS and not re.search(r"[^\d\s+().-]", one + other):
        return ours.endswith(theirs) or theirs.endswith(ours)
    return bool(one) and one == other


def _ending(number: str) -> str:
    """A LIKE pattern for numbers that equal `number`, however it is written, or end in it."""
    if WRITTEN.fullmatch(number):
        # In an address, an unescaped "+" is a space.
        digits = re.sub(r"\D", "", number)
        number = digits.lstrip("0") if len(digits) > LEAST_DIGITS else digits
    return "%" + re.sub(r"([\\%_])", r"\\\1", number) if number else ""


def _match(words: str) -> str:
    """An FTS5 query: every word must match, the last one as a prefix. Nothing in `words` acts as an operator."""
    found = (word.replace('"', '""') for word in words.replace("\0", " ").split())
    match = " ".join(f'"{word}"' for word in found)
    return f"{match}*" if match else ""
