"""A role's write-ahead log on its own disk.

Invariant: what `once` returned is durable, and no later call returns anything else for that key, kill -9 included.

Source: PROTOCOL.md 5 (the WAL of phases 3, 5 and 6); SQLite's synchronous=FULL.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from fl.protocol.errors import StorageFull


class SqliteJournal:
    """Implements the Journal port over one SQLite file; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("CREATE TABLE IF NOT EXISTS promise (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
        except (OSError, sqlite3.Error) as error:
            raise StorageFull(str(path), str(error)) from error

    def once(self, key: str, value: bytes) -> bytes:
        """Record `value` under `key` unless it exists; return what stands there now."""
        try:
            with self._lock:
                self._database.execute("INSERT OR IGNORE INTO promise VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            raise StorageFull(str(self._path), str(error)) from error
        found = self.get(key)
        return value if found is None else found

    def get(self, key: str) -> bytes | None:
        """Return what stands under `key`, or None."""
        with self._lock:
            row = self._database.execute("SELECT value FROM promise WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def close(self) -> None:
        """Release the file."""
        self._database.close()
