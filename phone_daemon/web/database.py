"""A SQLite file of the web process, beside the recordings: made when first needed, readable by its owner alone."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


def connect(path: Path, tables: str, schema: int) -> sqlite3.Connection:
    """Opens `path`, and makes it with `tables` (SQL) where there is none.

    For any thread, one at a time. What is deleted is overwritten. Raises `OSError`, and `sqlite3.DatabaseError` where
    the file is broken or its tables are not of release `schema`.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(f"BEGIN; {tables} PRAGMA user_version = {schema}; COMMIT;")
        elif version != schema:
            raise sqlite3.DatabaseError(f"{path} is of release {version}: move it away")
    except BaseException:
        db.close()
        raise
    return db
