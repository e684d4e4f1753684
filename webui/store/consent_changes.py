"""Changes of consent, which continue in the background, one record at a time.

Invariant: the choice and the change are written in one transaction, so a change is never lost. A later choice replaces
an earlier one.

Source: PROTOCOL.md 9 (policy).
Not here: sealing (webui/usecases/patient_records.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, undefer

from fl.crypto.capsule import Readers
from webui.ports.consent import Choice, mask_of
from webui.store.consent_log import ConsentChoice, note_choice
from webui.store.database import Database
from webui.store.job_tables import ConsentChange
from webui.store.models import PatientProfile, StoredRecord


class ConsentChanges:
    """The changes under way."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store them in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def begin(self, patient_id: int, choice: Choice, key_id: bytes) -> ConsentChange:
        """Store a patient's choice, and begin a change for the records that differ from it."""
        now, readers, consent = self._clock(), int(choice.readers), mask_of(choice.consent)

        def work(session: Session) -> ConsentChange:
            profile = session.get_one(PatientProfile, patient_id)
            profile.readers, profile.consent = readers, consent
            outdated = _outdated(patient_id, readers, consent, key_id)
            total = session.scalar(select(func.count(StoredRecord.id)).where(*outdated)) or 0
            change = session.get(ConsentChange, patient_id) or ConsentChange(patient_id=patient_id)
            asked_at = max(now, (change.asked_at or 0) + 1)  # two changes within a second are two
            change.readers, change.consent, change.asked_at = readers, consent, asked_at
            change.after_row, change.total, change.changed, change.unopened = 0, total, 0, 0
            change.done = total == 0
            session.add(change)
            note_choice(session, ConsentChoice(patient_id=patient_id, readers=readers, consent=consent, chosen_at=now))
            return change

        return self._database.write(work)

    def of(self, patient_id: int) -> ConsentChange | None:
        with self._database.reading() as session:
            return session.get(ConsentChange, patient_id)

    def under_way(self) -> Sequence[ConsentChange]:
        """Return the unfinished changes, the oldest first."""
        with self._database.reading() as session:
            query = select(ConsentChange).where(ConsentChange.done.is_(False)).order_by(ConsentChange.asked_at)
            return session.scalars(query).all()

    def next_outdated(self, change: ConsentChange, key_id: bytes) -> StoredRecord | None:
        """Return the next record to seal again, with its file."""
        outdated = _outdated(change.patient_id, change.readers, change.consent, key_id)
        first = select(func.min(StoredRecord.id)).where(*outdated, StoredRecord.id > change.after_row)
        with self._database.reading() as session:
            row_id = session.scalar(first)  # only the id: sorting whole rows would load every file into memory
            return session.get(StoredRecord, row_id, options=[undefer(StoredRecord.file)]) if row_id else None

    def still(self, change: ConsentChange) -> ConsentChange | None:
        """Return the change if it is the newest and goes on where this one is; else None."""
        with self._database.reading() as session:
            now = session.get(ConsentChange, change.patient_id)
        return now if now is not None and not now.done and _mark(now) == _mark(change) else None

    def progress(self, change: ConsentChange, row_id: int | None, *, sealed: bool = False) -> ConsentChange | None:
        """Note that one record is done, or that none is left (None); return None after a newer change."""

        def work(session: Session) -> ConsentChange | None:
            now = session.get(ConsentChange, change.patient_id)
            if now is None or _mark(now) != _mark(change):
                return None
            if row_id is None:
                now.done = True
            else:
                now.after_row = row_id
                now.changed += sealed
                now.unopened += not sealed
            return now

        return self._database.write(work)


def _mark(change: ConsentChange) -> tuple[int, ...]:
    """Return what identifies a change and its progress."""
    return change.readers, change.consent, change.asked_at, change.after_row


def _outdated(patient_id: int, readers: int, consent: int, key_id: bytes) -> tuple[ColumnElement[bool], ...]:
    otherwise = or_(StoredRecord.readers != readers, StoredRecord.consent != consent, StoredRecord.key_id != key_id)
    return (
        StoredRecord.patient_id == patient_id,
        StoredRecord.readers == int(Readers.HOSPITAL_AND_TRUSTEES),
        otherwise,
    )
