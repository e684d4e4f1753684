"""What SQLite and the disk say about a member's own database, as errors of this project."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fl.protocol.errors import JournalUnreadable, StorageFull


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate what a use of the database at `path` raises.

    Raises:
        StorageFull: the disk is full or refuses to write.
        JournalUnreadable: the database is damaged or locked, or the disk refuses it.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise StorageFull(str(path), "the disk is full or refuses to write") from error
        why = "another program locks it" if code == sqlite3.SQLITE_BUSY else "it is damaged"
        raise JournalUnreadable(str(path), why) from error
    except OSError as error:
        raise JournalUnreadable(str(path), error.strerror or "the disk refused it") from error
    except UnicodeDecodeError as error:  # Python's sqlite3 cannot decode SQLite's message about the damage
        raise JournalUnreadable(str(path), "it is damaged") from error
