"""The sealed records of the patients, and who may see them.

Invariant: a record is visible only to its patient and to the doctors who treat this patient now (care.py). To all
others it looks as if it did not exist. No column reveals the contents of a record.

Source: Health records follow the treating relation (ISO 22600-1, 5; BMA guidance on confidentiality); PROTOCOL.md 9.
Not here: requests by others (decryption_requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, undefer

from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.names import Digest
from webui.errors import ChoiceChanged, NotFound
from webui.ports.consent import mask_of
from webui.ports.records import SealedRecord
from webui.store.accounts import SignedInUser, find_account
from webui.store.care import Care
from webui.store.consent_changes import ConsentChanges
from webui.store.database import Database
from webui.store.handled import mark_made
from webui.store.models import Leaf, PatientProfile, RecordLabel, SiteRole, StoredRecord
from webui.store.reasons import forget_sentences
from webui.store.receipts import NewReceipt, erase_receipt, insert_receipt

PAGE_ROWS = 20
NUMBER_BYTES = 6
EVER = 2**40
"""A moment after all records, in seconds since 1970."""
WITH_FILE = undefer(StoredRecord.file)
IS_CHECK = StoredRecord.about_id.is_(None)
OPENABLE = StoredRecord.readers == int(Readers.HOSPITAL_AND_TRUSTEES)


@dataclass(frozen=True)
class NewRecord:
    """A sealed record to store."""

    patient_id: int
    sealed: SealedRecord
    created_at: int
    """Seconds since 1970."""
    about_id: int | None = None
    """Of a note: the row of its check."""
    receipt: NewReceipt | None = None
    """Of a check."""


class RecordStore:
    """The records."""

    def __init__(self, database: Database, care: Care) -> None:
        """Store records in `database`; `care` says which doctors see them."""
        self._database = database
        self._care = care
        self._clock: Callable[[], int] = care.clock
        self.changes = ConsentChanges(database, care.clock)

    def add(self, new: NewRecord) -> int:
        """Store one record and its leaf; return its row.

        Raises:
            NotFound: the check of the note has been erased.
            ChoiceChanged: it was sealed by an earlier choice of the patient.
        """
        return self.add_all([new])[0]

    def add_all(self, new: Sequence[NewRecord]) -> list[int]:
        """Store all of these records or none, in one transaction; return their rows. It raises as `add`."""
        return self._database.write(lambda session: [insert_record(session, each) for each in new])

    def visible(self, reader: SignedInUser, row_id: int) -> StoredRecord:
        """Return one check with its file.

        Raises:
            NotFound: there is none, or `reader` may not see it.
        """
        with self._database.reading() as session:
            query = select(StoredRecord).options(WITH_FILE).where(StoredRecord.id == row_id, IS_CHECK)
            row = session.scalar(query.where(self._may_see(reader)))
        if row is None:
            raise NotFound
        return row

    def numbered(self, text: str) -> StoredRecord | None:
        """Return the check or note with this record number; hyphens and case do not count."""
        number = text.strip().replace("-", "").lower()
        with self._database.reading() as session:
            return session.scalar(select(StoredRecord).options(WITH_FILE).where(StoredRecord.number == number))

    def of_email(self, email: str) -> Sequence[StoredRecord]:
        """Return the newest checks and notes of the patient with exactly this address; there may be none."""
        with self._database.reading() as session:
            patient = find_account(session, email)
            if patient is None:
                return []
            query = select(StoredRecord).where(StoredRecord.patient_id == patient.id, StoredRecord.erased_at.is_(None))
            return session.scalars(query.order_by(StoredRecord.id.desc()).limit(PAGE_ROWS)).all()

    def notes_on(self, row_id: int) -> Sequence[StoredRecord]:
        """Return the notes on a check, the oldest first; only for readers who may see the check."""
        with self._database.reading() as session:
            query = select(StoredRecord).options(WITH_FILE).where(StoredRecord.about_id == row_id)
            return session.scalars(query.order_by(StoredRecord.created_at, StoredRecord.id)).all()

    def of_patient(self, patient_id: int, page: int = 0) -> Sequence[StoredRecord]:
        """Return one page of a patient's checks without their files, the newest first."""
        return self.between(patient_id, 0, EVER, page, PAGE_ROWS)

    def between(self, patient_id: int, since: int, until: int, page: int, rows: int) -> Sequence[StoredRecord]:
        """Return one page of `rows` of a patient's checks of a time, as `of_patient`; seconds since 1970."""
        mine = (StoredRecord.patient_id == patient_id, IS_CHECK, StoredRecord.created_at.between(since, until))
        query = select(StoredRecord).where(*mine)
        newest = query.order_by(StoredRecord.created_at.desc(), StoredRecord.id.desc())
        with self._database.reading() as session:
            return session.scalars(newest.offset(page * rows).limit(rows)).all()

    def patient_of(self, doctor_id: int, patient_id: int) -> PatientProfile:
        """Return a patient of this doctor.

        Raises:
            NotFound: there is no such patient, or the doctor does not treat this patient.
        """
        with self._database.reading() as session:
            query = select(PatientProfile).where(PatientProfile.account_id == patient_id)
            patient = session.scalar(query.where(self._care.of(doctor_id, PatientProfile.account_id)))
        if patient is None:
            raise NotFound
        return patient

    def latest_of(self, patient_ids: Iterable[int]) -> Mapping[int, StoredRecord]:
        """Return the newest check of each patient who has one, without its file; only for readers who may see it."""
        newest = (
            select(func.max(StoredRecord.id))
            .where(StoredRecord.patient_id.in_(set(patient_ids)), IS_CHECK, StoredRecord.erased_at.is_(None))
            .group_by(StoredRecord.patient_id)
        )
        with self._database.reading() as session:
            rows = session.scalars(select(StoredRecord).where(StoredRecord.id.in_(newest))).all()
        return {row.patient_id: row for row in rows}

    def patient(self, patient_id: int) -> PatientProfile:
        """Return a patient, or raise NotFound."""
        with self._database.reading() as session:
            patient = session.get(PatientProfile, patient_id)
        if patient is None:
            raise NotFound
        return patient

    def openable(self, patient_id: int) -> int:
        """Return how many checks and notes of a patient the hospital can open without a quorum."""
        query = select(func.count(StoredRecord.id)).where(StoredRecord.patient_id == patient_id, OPENABLE)
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def labels_of(self, patient_id: int) -> Mapping[Digest, StoredRecord]:
        """Return every label that a check or note of a patient ever had, also if it was erased."""
        return self._labels(RecordLabel.record.has(StoredRecord.patient_id == patient_id))

    def labels_of_row(self, row_id: int) -> Mapping[Digest, StoredRecord]:
        return self._labels(RecordLabel.record_row == row_id)

    def sealed_to_other_keys(self, key_id: bytes, limit: int) -> Sequence[int]:
        """Return some records that the hospital can open and that are not sealed to the threshold key `key_id`."""
        query = select(StoredRecord.id).where(StoredRecord.key_id != key_id, OPENABLE)
        with self._database.reading() as session:
            return session.scalars(query.order_by(StoredRecord.id).limit(limit)).all()

    def whole(self, row_id: int) -> StoredRecord | None:
        with self._database.reading() as session:
            return session.scalar(select(StoredRecord).options(WITH_FILE).where(StoredRecord.id == row_id))

    def whole_of(self, row_ids: Sequence[int]) -> Sequence[StoredRecord]:
        """Return some records with their files, in this order; those that do not exist are missing."""
        query = select(StoredRecord).options(WITH_FILE).where(StoredRecord.id.in_(row_ids))
        with self._database.reading() as session:
            rows = {row.id: row for row in session.scalars(query)}
        return [rows[row_id] for row_id in row_ids if row_id in rows]

    def replace(self, row_id: int, old_salt: bytes, sealed: SealedRecord) -> bool:
        """Replace the file with the salt `old_salt` by a newly sealed one.

        Return False if it was replaced before, or if the patient's choice is not the one of the new file any more.
        """

        def work(session: Session) -> bool:
            row = session.get(StoredRecord, row_id)
            if row is None or row.salt != old_salt or not _as_chosen(session, row.patient_id, sealed.policy):
                return False
            row.leaf = Leaf(digest=sealed.leaf)
            _fill(row, sealed)
            _keep_label(session, row.id, sealed)
            return True

        done = self._database.write(work)
        self._database.empty_log()
        return done

    def erase(self, row_id: int, patient_id: int | None = None) -> bool:
        """Delete file, salt, wraps and policy of a check and its notes; leaves and labels stay. It may be repeated.

        Return whether the database's log is empty too; if not, the upkeep empties it later.

        Raises:
            NotFound: there is no such check, or it does not belong to `patient_id`, if given.
        """
        now = self._clock()

        def work(session: Session) -> None:
            check = session.get(StoredRecord, row_id)
            if check is None or check.about_id is not None or patient_id not in {None, check.patient_id}:
                raise NotFound
            notes = session.scalars(select(StoredRecord).where(StoredRecord.about_id == row_id)).all()
            for row in (check, *notes):
                _empty(row, now)
            forget_sentences(session, [row.id for row in (check, *notes)])
            erase_receipt(session, row_id)

        self._database.write(work)
        return self._database.empty_log()

    def _may_see(self, reader: SignedInUser) -> ColumnElement[bool]:
        if reader.role is SiteRole.PATIENT:
            return StoredRecord.patient_id == reader.id
        if reader.role is SiteRole.DOCTOR:
            return self._care.of(reader.id, StoredRecord.patient_id)
        raise NotFound

    def _labels(self, condition: ColumnElement[bool]) -> Mapping[Digest, StoredRecord]:
        with self._database.reading() as session:
            labels = session.scalars(select(RecordLabel).where(condition)).all()
        return {Digest(each.label): each.record for each in labels}


def insert_record(session: Session, new: NewRecord) -> int:
    """Add one record within a write, and return its row.

    The patient's choice is read in the same transaction. Writes are serialisable, so a change of consent that begins at
    the same moment finds this row, or makes this write fail or run again.

    Raises:
        NotFound: the check of a note has been erased.
        ChoiceChanged: it was sealed by an earlier choice of the patient.
    """
    if not _as_chosen(session, new.patient_id, new.sealed.policy):
        raise ChoiceChanged
    if new.about_id is not None:
        check = session.get(StoredRecord, new.about_id)
        if check is None or check.erased_at is not None:
            raise NotFound
    row = StoredRecord(patient_id=new.patient_id, about_id=new.about_id, created_at=new.created_at)
    row.leaf = Leaf(digest=new.sealed.leaf)
    _fill(row, new.sealed)
    session.add(row)
    session.flush()
    _keep_label(session, row.id, new.sealed)
    if new.receipt is not None:
        insert_receipt(session, row.id, new.receipt)
    mark_made(session)
    return row.id


def _as_chosen(session: Session, patient_id: int, policy: RecordPolicy) -> bool:
    """Return whether a policy is the patient's choice now."""
    profile = session.get_one(PatientProfile, patient_id)
    return (profile.readers, profile.consent) == (int(policy.readers), mask_of(policy.consent))


def number_of(record_id: bytes) -> str:
    """Return the record number for people: 12 hexadecimal digits."""
    return record_id[:NUMBER_BYTES].hex()


def _fill(row: StoredRecord, sealed: SealedRecord) -> None:
    policy = sealed.policy
    row.number, row.record_id = number_of(policy.record), policy.record
    row.readers, row.consent = int(policy.readers), mask_of(policy.consent)
    row.file, row.salt = sealed.file, sealed.salt
    row.key_id, row.key_epoch = sealed.key_id, sealed.key_epoch


def _keep_label(session: Session, row_id: int, sealed: SealedRecord) -> None:
    if session.get(RecordLabel, sealed.label) is None:
        session.add(RecordLabel(label=sealed.label, record_row=row_id))


def _empty(row: StoredRecord, now: int) -> None:
    row.number = row.record_id = row.readers = row.consent = None
    row.file = row.salt = row.key_id = row.key_epoch = None
    row.erased_at = row.erased_at or now
