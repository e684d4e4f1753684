"""A role's write-ahead log on its own disk.

Invariant: a value that `once` returned is durable, and no later call returns another value for its key, even after
kill -9.

Source: PROTOCOL.md 5 (the WAL of phases 3, 5 and 6); SQLite's synchronous=FULL.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from pathlib import Path

from fl.files import write_once
from fl.protocol.errors import JournalUnreadable
from fl.storage.sqlite_errors import translated

SCHEMA = "CREATE TABLE promise (key TEXT PRIMARY KEY, value BLOB NOT NULL, seal BLOB NOT NULL)"
"""`seal` is the SHA-256 of key and value: SQLite itself does not notice a changed byte in a value."""
VERSION = 1
LOCK_S = 10.0


class SqliteJournal:
    """Implements the Journal port over one SQLite file; safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with translated(self._path):
            self._create()
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=LOCK_S)
            try:
                self._check()
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=FULL")
                self._database.execute("PRAGMA secure_delete=ON")
            except BaseException:
                self._database.close()
                raise

    def once(self, key: str, value: bytes) -> bytes:
        """Record `value` under `key` unless `key` exists; return the value recorded now.

        Raises:
            StorageFull: nothing was recorded.
            JournalUnreadable: the file is damaged, or another program locks it for too long.
        """
        with self._lock, translated(self._path):
            row = (key, value, _seal(key, value))
            self._database.execute("INSERT OR IGNORE INTO promise VALUES (?, ?, ?)", row)
            self._settle()
        recorded = self.get(key)
        return value if recorded is None else recorded

    def get(self, key: str) -> bytes | None:
        with self._lock, translated(self._path):
            row = self._database.execute("SELECT * FROM promise WHERE key = ?", (key,)).fetchone()
        return self._whole(row) if row else None

    def starting(self, prefix: str) -> list[tuple[str, bytes]]:
        """Return every promise whose key starts with `prefix`, as (rest of the key, value)."""
        with self._lock, translated(self._path):
            query = "SELECT * FROM promise WHERE substr(key, 1, ?) = ? ORDER BY key"
            rows = self._database.execute(query, (len(prefix), prefix)).fetchall()
        return [(row[0][len(prefix) :], self._whole(row)) for row in rows]

    def erase(self, key: str) -> None:
        with self._lock, translated(self._path):
            self._database.execute("DELETE FROM promise WHERE key = ?", (key,))
            self._settle()

    def close(self) -> None:
        self._database.close()

    def _create(self) -> None:
        """Create a complete empty journal unless one exists, so that a file of 0 bytes is always a damaged one."""
        if self._path.exists():
            return
        if self._path.with_name(self._path.name + "-wal").exists():
            raise JournalUnreadable(str(self._path), "it is gone, but its companion ending in -wal exists")
        with contextlib.closing(sqlite3.connect(":memory:")) as empty:
            empty.execute(SCHEMA)
            empty.execute(f"PRAGMA user_version={VERSION}")
            write_once(self._path, empty.serialize(), mode=0o600)

    def _settle(self) -> None:
        """Copy new writes from the companion file ending in -wal into the journal, because that file can get lost."""
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check(self) -> None:
        """Raise JournalUnreadable unless the file is a complete journal."""
        if not self._path.is_file() or self._path.stat().st_size == 0:
            raise JournalUnreadable(str(self._path), "it is empty or not a file")
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise JournalUnreadable(str(self._path), f"it has version {version}, but this program reads {VERSION}")
        schema = self._database.execute("SELECT sql FROM sqlite_schema WHERE name = 'promise'").fetchone()
        if schema != (SCHEMA,):
            raise JournalUnreadable(str(self._path), "its table is not that of a journal")
        problem = self._database.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise JournalUnreadable(str(self._path), "it is damaged")
        for row in self._database.execute("SELECT * FROM promise"):
            self._whole(row)

    def _whole(self, row: tuple[object, object, object]) -> bytes:
        key, value, seal = row
        if not isinstance(key, str) or not isinstance(value, bytes) or seal != _seal(key, value):
            raise JournalUnreadable(str(self._path), "a promise in it was changed")
        return value


def _seal(key: str, value: bytes) -> bytes:
    return hashlib.sha256(len(key.encode()).to_bytes(8, "big") + key.encode() + value).digest()
