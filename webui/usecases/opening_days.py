"""Who opened a patient's records, as one line for each reader, record and day.

Invariant: every opening is counted in exactly one line.

Source: store/openings.py (the openings); EHDS (EU) 2025/327, Art. 9.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from webui.store.models import StoredRecord
from webui.store.openings import How, RecordOpening


class Kind(StrEnum):
    """What a record is, for its patient."""

    CHECK = "check"
    """A check or a risk: the database does not know which."""
    NOTE = "note"
    REVIEW = "review"


@dataclass(frozen=True)
class OpeningDay:
    """The openings of one record by one reader on one day."""

    last: int
    """Seconds since 1970."""
    reader: str
    record: StoredRecord
    kind: Kind
    times: Counter[How] = field(default_factory=Counter)


def by_day(
    openings: Sequence[RecordOpening], reviews: Collection[int], day_of: Callable[[int], date]
) -> list[OpeningDay]:
    """Return one line for each reader, record and day, in the order of the newest opening.

    Args:
        openings: The newest first.
        reviews: The rows among them that are reviews.
        day_of: The day of a moment in the visitor's zone.
    """
    found: dict[tuple[int, int, date], OpeningDay] = {}
    for each in openings:
        record = each.record
        kind = Kind.CHECK if record.about_id is None else Kind.REVIEW if record.id in reviews else Kind.NOTE
        key = (each.reader_id, record.id, day_of(each.opened_at))
        line = found.setdefault(key, OpeningDay(each.opened_at, each.reader.name, record, kind))
        line.times[How(each.how)] += 1
    return list(found.values())
