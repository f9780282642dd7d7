"""Webhook messages that are still to be delivered, on disk: `webhooks.db` beside the recordings (SQLite).

There is a row for each message and receiver, from before the first attempt until the message is accepted or given up,
so that neither a receiver that is down nor a restart of the daemon loses one. It holds what callers said, so only its
owner may read it, and removed rows leave nothing behind (`secure_delete`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from phone_daemon.web.database import Database
from phone_daemon.web.webhook_message import WebhookMessage

FILE = "webhooks.db"
SCHEMA = 1

_TABLES = """
CREATE TABLE waiting (
    id TEXT, url TEXT, call TEXT, body BLOB, made REAL, attempts INTEGER DEFAULT 0, due REAL DEFAULT 0,
    PRIMARY KEY (id, url)
);
CREATE INDEX by_call ON waiting (call);
"""


@dataclass(slots=True)
class Waiting:
    """A message waiting for one receiver. Times are Unix time in seconds."""

    id: str
    made: float
    attempts: int = 0
    due: float = 0.0
    """When the next attempt is due."""
    body: bytes | None = None
    """The body, if it could not be written to disk and waits only in memory."""


class WebhookQueue:
    """The queue on disk. Methods may be called from any thread; they raise `sqlite3.Error` or `OSError` if the disk
    fails.
    """

    def __init__(self, directory: Path) -> None:
        self._db = Database(directory / FILE, _TABLES, SCHEMA)

    def close(self) -> None:
        self._db.close()

    def put(self, url: str, call: str, message: WebhookMessage, made: float) -> None:
        """Stores `message` for the receiver at `url`, unless it is already stored."""
        with self._db.open() as db:
            db.execute(
                "INSERT OR IGNORE INTO waiting (id, url, call, body, made, due) VALUES (?, ?, ?, ?, ?, ?)",
                (message.id, url, call, message.body, made, made),
            )

    def body(self, url: str, id: str) -> bytes | None:
        """The body to send; None: the message no longer exists."""
        with self._db.open() as db:
            found = db.execute("SELECT body FROM waiting WHERE id = ? AND url = ?", (id, url)).fetchone()
            return None if found is None else bytes(found[0])

    def later(self, url: str, id: str, attempts: int, due: float) -> None:
        """Records that the message was tried `attempts` times and is due again at `due`."""
        with self._db.open() as db:
            db.execute("UPDATE waiting SET attempts = ?, due = ? WHERE id = ? AND url = ?", (attempts, due, id, url))

    def remove(self, url: str, id: str) -> None:
        """Removes a message that was accepted or given up."""
        with self._db.open() as db:
            db.execute("DELETE FROM waiting WHERE id = ? AND url = ?", (id, url))

    def waiting(self) -> dict[str, list[Waiting]]:
        """The messages waiting for each receiver, by its address, oldest first."""
        found: dict[str, list[Waiting]] = {}
        with self._db.open() as db:
            for url, *about in db.execute("SELECT url, id, made, attempts, due FROM waiting ORDER BY made, rowid"):
                found.setdefault(url, []).append(Waiting(*about))
        return found

    def clear(self, url: str) -> int:
        """Removes all messages waiting for a receiver; returns how many."""
        with self._db.open() as db:
            return db.execute("DELETE FROM waiting WHERE url = ?", (url,)).rowcount

    def forget(self, calls: Iterable[str]) -> int:
        """Removes all waiting messages about `calls`; returns how many. Creates no file if there is none."""
        if not self._db.path.exists():
            return 0
        with self._db.open() as db:
            gone = db.executemany("DELETE FROM waiting WHERE call = ?", [(call,) for call in calls]).rowcount
        if gone > 0:
            self._db.scrub()
        return max(gone, 0)
