"""What receivers of webhooks are still to be told, on disk: `webhooks.db` beside the recordings (SQLite).

A row a message and receiver, from before the first attempt until it is taken or given up, so that neither a receiver
that is down nor a daemon that restarts loses one. It holds what callers said: its owner alone may read it, and what is
removed leaves nothing behind (`secure_delete`).
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
    """A message for one receiver. Times are Unix time in seconds."""

    id: str
    made: float
    attempts: int = 0
    due: float = 0.0
    """When it is tried next."""
    body: bytes | None = None
    """Where it could not be written to disk, and waits in memory alone."""


class WebhookQueue:
    """Methods may be called from any thread, and raise `sqlite3.Error` or `OSError` when the disk does not do it."""

    def __init__(self, directory: Path) -> None:
        self._db = Database(directory / FILE, _TABLES, SCHEMA)

    def close(self) -> None:
        self._db.close()

    def put(self, url: str, call: str, message: WebhookMessage, made: float) -> None:
        """Keeps `message` for the receiver at `url`; nothing happens where it is kept already."""
        with self._db.open() as db:
            db.execute(
                "INSERT OR IGNORE INTO waiting (id, url, call, body, made, due) VALUES (?, ?, ?, ?, ?, ?)",
                (message.id, url, call, message.body, made, made),
            )

    def body(self, url: str, id: str) -> bytes | None:
        """What is to be sent; None: nothing any more."""
        with self._db.open() as db:
            found = db.execute("SELECT body FROM waiting WHERE id = ? AND url = ?", (id, url)).fetchone()
            return None if found is None else bytes(found[0])

    def later(self, url: str, id: str, attempts: int, due: float) -> None:
        """It was tried `attempts` times, and is tried again at `due`."""
        with self._db.open() as db:
            db.execute("UPDATE waiting SET attempts = ?, due = ? WHERE id = ? AND url = ?", (attempts, due, id, url))

    def remove(self, url: str, id: str) -> None:
        """It was taken, or given up."""
        with self._db.open() as db:
            db.execute("DELETE FROM waiting WHERE id = ? AND url = ?", (id, url))

    def waiting(self) -> dict[str, list[Waiting]]:
        """What waits for each receiver, by its address, the oldest first."""
        found: dict[str, list[Waiting]] = {}
        with self._db.open() as db:
            for url, *about in db.execute("SELECT url, id, made, attempts, due FROM waiting ORDER BY made, rowid"):
                found.setdefault(url, []).append(Waiting(*about))
        return found

    def clear(self, url: str) -> int:
        """Removes all that waits for a receiver; how much that was."""
        with self._db.open() as db:
            return db.execute("DELETE FROM waiting WHERE url = ?", (url,)).rowcount

    def forget(self, calls: Iterable[str]) -> int:
        """Removes all that is still to be told of `calls`; how much that was. Makes no file where there is none."""
        if not self._db.path.exists():
            return 0
        with self._db.open() as db:
            gone = db.executemany("DELETE FROM waiting WHERE call = ?", [(call,) for call in calls]).rowcount
        if gone > 0:
            self._db.scrub()
        return max(gone, 0)
