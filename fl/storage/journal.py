"""A role's write-ahead log on its own disk.

Invariant: what `once` returned is durable, and no later call returns anything else for that key, kill -9 included.

Source: PROTOCOL.md 5 (the WAL of phases 3, 5 and 6); SQLite's synchronous=FULL.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fl.protocol.errors import JournalUnreadable, StorageFull


class SqliteJournal:
    """Implements the Journal port over one SQLite file; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA secure_delete=ON")
            self._database.execute("CREATE TABLE IF NOT EXISTS promise (key TEXT PRIMARY KEY, value BLOB NOT NULL)")

    def once(self, key: str, value: bytes) -> bytes:
        """Record `value` under `key` unless it exists; return what stands there now.

        Raises:
            StorageFull: nothing was recorded.
            JournalUnreadable: the file is damaged.
        """
        with self._lock, self._translated():
            self._database.execute("INSERT OR IGNORE INTO promise VALUES (?, ?)", (key, value))
        found = self.get(key)
        return value if found is None else found

    def get(self, key: str) -> bytes | None:
        """Return what stands under `key`, or None; raises as `once` does."""
        with self._lock, self._translated():
            row = self._database.execute("SELECT value FROM promise WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def erase(self, key: str) -> None:
        """Overwrite and remove what stands under `key`; SQLite zeroes the page, the disk below may keep copies."""
        try:
            with self._lock:
                self._database.execute("DELETE FROM promise WHERE key = ?", (key,))
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StorageFull(str(self._path), str(error)) from error

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what SQLite and the system raise inside into our errors."""
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageFull(str(self._path), str(error)) from error
        except sqlite3.DatabaseError as error:
            raise JournalUnreadable(str(self._path), str(error)) from error
