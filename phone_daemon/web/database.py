"""A SQLite file of the web process, beside the recordings. It is created on first use and readable only by its
owner.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path


class Database:
    """A database that is opened on first use. Methods may be called from any thread, and run one at a time."""

    def __init__(self, path: Path, tables: str, schema: int, *, disposable: bool = False) -> None:
        """`tables`: the SQL that creates the tables of version `schema`. `disposable`: a broken database is created
        again.
        """
        self.path = path
        self._tables = tables
        self._schema = schema
        self._disposable = disposable
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """The database, within one transaction. Raises `OSError` and `sqlite3.Error`; it raises `sqlite3.DatabaseError`
        if the file is broken or its tables are from another release.
        """
        with self._lock:
            if self._db is None:
                self._db = self._connect()
            with self._db:
                yield self._db

    def scrub(self, *, vacuum: bool = False) -> None:
        """Leaves nothing of what was deleted in the write-ahead log or, with `vacuum`, in freed pages."""
        with self._lock:
            assert self._db is not None
            if vacuum:
                self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError:
            if not self._disposable:
                raise
            for end in ("", "-wal", "-shm"):
                self.path.with_name(f"{self.path.name}{end}").unlink(missing_ok=True)
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=5.0)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            # Overwrites deleted content.
            db.execute("PRAGMA secure_delete = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                db.executescript(f"BEGIN; {self._tables} PRAGMA user_version = {self._schema}; COMMIT;")
            elif version != self._schema:
                raise sqlite3.DatabaseError(f"{self.path} is of release {version}: move it away")
        except BaseException:
            db.close()
            raise
        return db
