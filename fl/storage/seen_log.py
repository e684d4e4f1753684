"""What a monitor saw on the chain and under checkpoints, on its own disk.

Invariant: what was added survives kill -9, and changes only when a person takes another history for right. Nothing here
is secret. The file may be lost: then the next look sees the chain for the first time.

Source: fl/protocol/ports.py (SeenLog); SQLite's synchronous=FULL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fl.protocol.errors import JournalUnreadable
from fl.protocol.names import Digest
from fl.protocol.ports import Sight
from fl.protocol.tlog.notes import Note, parse_line
from fl.storage.sqlite_errors import translated

FILE = "monitor.sqlite"
"""Its name in a member's folder."""
VERSION = 1
LOCK_S = 10.0
MOST_LINES = 4_000
"""Lines of signatures that are kept; the oldest ones go first."""
_SCHEMA = """
CREATE TABLE sight (place INTEGER PRIMARY KEY, leaf BLOB NOT NULL, entry BLOB NOT NULL, data BLOB NOT NULL,
    sent BLOB NOT NULL);
CREATE TABLE line (number INTEGER PRIMARY KEY, text BLOB NOT NULL, line TEXT NOT NULL, UNIQUE (text, line));
CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE finding (key TEXT PRIMARY KEY, kind TEXT NOT NULL, sentence TEXT NOT NULL, file TEXT NOT NULL,
    open INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Reported:
    """A finding that a monitor reported."""

    key: str
    """What it is about; one finding is reported once."""
    kind: str
    """The name of its error."""
    sentence: str
    file: str
    """The name of its evidence in the evidence folder; empty without any."""
    open: bool
    """False after a person accepted it."""


class SqliteSeenLog:
    """Implements SeenLog over one SQLite file, and keeps the findings."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it; raise JournalUnreadable if it is damaged or of another version."""
        self._path = path
        with translated(self._path):
            self._database = sqlite3.connect(path, isolation_level=None, timeout=LOCK_S)
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=FULL")
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        self._database.close()

    def leaves(self) -> Sequence[bytes]:
        with translated(self._path):
            return [row[0] for row in self._database.execute("SELECT leaf FROM sight ORDER BY place")]

    def sight(self, place: int) -> Sight:
        with translated(self._path):
            query = "SELECT leaf, entry, data, sent FROM sight WHERE place = ?"
            row = self._database.execute(query, (place,)).fetchone()
        if row is None:
            raise IndexError(place)
        return Sight(Digest(row[0]), row[1], row[2], row[3])

    def add(self, sights: Sequence[Sight]) -> None:
        with translated(self._path), self._whole():
            start = self._database.execute("SELECT COUNT(*) FROM sight").fetchone()[0]
            rows = [
                (start + place, each.leaf, each.entry, each.data, each.transaction) for place, each in enumerate(sights)
            ]
            self._database.executemany("INSERT INTO sight VALUES (?, ?, ?, ?, ?)", rows)

    def forget_from(self, place: int) -> None:
        with translated(self._path):
            self._database.execute("DELETE FROM sight WHERE place >= ?", (place,))

    def notes(self) -> Sequence[Note]:
        found: dict[bytes, list[str]] = {}
        with translated(self._path):
            for text, line in self._database.execute("SELECT text, line FROM line ORDER BY number"):
                found.setdefault(text, []).append(line)
        return [Note(text, tuple(map(parse_line, lines))) for text, lines in found.items()]

    def add_note(self, note: Note) -> None:
        with translated(self._path), self._whole():
            rows = [(note.text, line.text()) for line in note.lines]
            self._database.executemany("INSERT OR IGNORE INTO line (text, line) VALUES (?, ?)", rows)
            oldest = "DELETE FROM line WHERE number <= (SELECT MAX(number) FROM line) - ?"
            self._database.execute(oldest, (MOST_LINES,))

    def fact(self, name: str) -> bytes | None:
        with translated(self._path):
            row = self._database.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def keep(self, name: str, value: bytes) -> None:
        with translated(self._path):
            self._database.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def findings(self) -> list[Reported]:
        """Return what was reported, in order."""
        with translated(self._path):
            rows = self._database.execute("SELECT key, kind, sentence, file, open FROM finding ORDER BY rowid")
            return [Reported(key, kind, said, file, bool(is_open)) for key, kind, said, file, is_open in rows]

    def report(self, finding: Reported) -> None:
        """Keep a finding, in place of an earlier one of the same key."""
        row = (finding.key, finding.kind, finding.sentence, finding.file, finding.open)
        with translated(self._path):
            self._database.execute(
                "INSERT INTO finding VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, "
                "sentence = excluded.sentence, file = excluded.file, open = excluded.open",
                row,
            )

    def accept(self) -> None:
        """Mark every finding as dealt with."""
        with translated(self._path):
            self._database.execute("UPDATE finding SET open = 0")

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        tables = self._database.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]
        if version == 0 and tables == 0:
            self._database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            why = f"it has version {version}, but this program reads {VERSION}"
            raise JournalUnreadable(str(self._path), why)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Do several changes as one."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def open_findings(folder: Path) -> list[Reported] | None:
    """Return what the monitor of a member's folder reported and nobody accepted; None if it never looked.

    Raises:
        JournalUnreadable: its memory is damaged, or locked for too long.
    """
    if not (folder / FILE).exists():
        return None
    log = SqliteSeenLog(folder / FILE)
    try:
        return [each for each in log.findings() if each.open]
    finally:
        log.close()
