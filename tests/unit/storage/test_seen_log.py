"""A monitor's memory: what was added stays, in order, and a damaged file is not read."""

from pathlib import Path

import pytest

from fl.protocol.errors import JournalUnreadable
from fl.protocol.names import Digest
from fl.protocol.ports import Sight
from fl.protocol.tlog.notes import Note, SignatureLine
from fl.storage.seen_log import Reported, SqliteSeenLog


def sight(number: int) -> Sight:
    return Sight(Digest(bytes([number]) * 32), b"entry %d" % number, b"", b"sent %d" % number)


def test_records_notes_and_facts_are_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    first = SqliteSeenLog(path)
    first.add([sight(0), sight(1)])
    first.add([sight(2)])
    lines = tuple(SignatureLine(name, b"\1\2\3\4", b"signature") for name in ("log", "w"))
    first.add_note(Note(b"text\n", lines[:1]))
    first.add_note(Note(b"text\n", lines))
    first.keep("looked", b"1")
    first.keep("looked", b"2")
    first.close()
    again = SqliteSeenLog(path)
    assert list(again.leaves()) == [sight(place).leaf for place in range(3)]
    assert again.sight(2) == sight(2)
    with pytest.raises(IndexError):
        again.sight(3)
    assert again.notes() == [Note(b"text\n", lines)]
    assert (again.fact("looked"), again.fact("trust")) == (b"2", None)
    again.forget_from(1)
    again.add([sight(7)])
    assert [again.sight(place) for place in range(2)] == [sight(0), sight(7)]


def test_a_finding_is_kept_once_until_it_is_accepted(tmp_path: Path) -> None:
    log = SqliteSeenLog(tmp_path / "monitor.sqlite")
    finding = Reported("fork/3", "ChainForked", "The chain has two histories.", "", open=True)
    better = Reported("fork/3", "ChainForked", "The chain has two histories.", "a.evidence.json", open=True)
    log.report(finding)
    log.report(better)
    assert log.findings() == [better]
    log.accept()
    assert [each.open for each in log.findings()] == [False]


def test_a_damaged_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sqlite"
    path.write_bytes(b"not a database at all, but long enough to be one" * 100)
    with pytest.raises(JournalUnreadable):
        SqliteSeenLog(path)
