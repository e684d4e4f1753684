"""Patients' records between the database and whoever seals them: make, read, seal anew, erase.

Invariant: what a record says exists here in memory only while one request is answered.

Source: PROTOCOL.md 9 (records; policy).
Not here: rows (store/records.py), cryptography (record_services.RecordService), requests by others (disclosing.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fl.crypto.capsule import NO_KEY, RECORD_ID_BYTES, Readers, RecordPolicy
from fl.protocol.errors import MalformedError, NoCommittee, RecipientNotFound, TamperedError
from fl.protocol.names import Digest, KeyUse
from webui.consent import Choice, purposes_in
from webui.record_body import Check, Note, Subject, pack, unpack
from webui.record_services import RecordService, SealedRecord
from webui.services import Prediction
from webui.store.accounts import Member
from webui.store.models import PatientProfile, StoredRecord
from webui.store.records import NewRecord, RecordStore
from webui.store.refusals import NotFound, RecordDamaged, WishNeeded

RESEALED_AT_ONCE = 20
"""Files sealed to a new key in one go; the rest at the next."""


@dataclass(frozen=True)
class Shown:
    """A record for a page: its row, and what it says if that may be known here and now."""

    row: StoredRecord
    state: str
    """open, waiting (for a quorum), erased, or damaged."""
    check: Check | None = None
    note: Note | None = None


class PatientRecords:
    """The sealed records of one hospital's patients."""

    def __init__(self, store: RecordStore, service: RecordService, clock: Callable[[], int]) -> None:
        self._store = store
        self._service = service
        self._clock = clock

    def add_check(self, patient_id: int, image_png: bytes, prediction: Prediction) -> int:
        """Seal and store one check by its patient's choice; return its row.

        Raises:
            NoCommittee: the patient chose a quorum, and nobody holds the key.
            UnavailableError: the chain does not answer and never did.
        """
        profile = self._store.patient(patient_id)
        check = Check(
            patient=subject_of(profile),
            checked_at=self._clock(),
            label=prediction.label,
            probability=prediction.probability,
            shares=prediction.shares,
            model=replace(prediction.model, metrics=None, data=None, alarm=""),
            image_png=image_png,
        )
        sealed = self._service.seal(new_policy(profile), pack(check))
        return self._store.add(NewRecord(patient_id, sealed, check.checked_at))

    def add_note(self, doctor: Member, row_id: int, text: str) -> None:
        """Seal and store a treating doctor's note on a check.

        Raises:
            NotFound: no such check, none for this doctor, or erased.
        """
        row = self._store.visible(doctor, row_id)
        if row.record_id is None:
            raise NotFound
        note = Note(subject_of(row.patient), row.record_id, doctor.name, self._clock(), text)
        sealed = self._service.seal(new_policy(row.patient), pack(note))
        self._store.add(NewRecord(row.patient_id, sealed, note.written_at, row.id))

    def read(self, row: StoredRecord) -> Shown:
        """Return what a record says, or why that cannot be shown.

        Raises:
            RecordDamaged: the file is not the one that was stored, or says that it is another patient's.
        """
        if row.erased_at is not None:
            return Shown(row, "erased")
        try:
            found = unpack(self._service.open(sealed_of(row), Digest(row.leaf.digest)))
        except RecipientNotFound:
            return Shown(row, "waiting")
        except (TamperedError, MalformedError) as error:
            raise RecordDamaged(row.number or "", f"{error.name}: {error}") from error
        return shown(row, found)

    def read_all(self, rows: Sequence[StoredRecord]) -> list[Shown]:
        """Return several records; one that is damaged does not hide the others."""
        return [self._read_one(row) for row in rows]

    def choose(self, patient_id: int, choice: Choice) -> tuple[int, int]:
        """Keep a patient's choice and seal anew what the hospital can open and is sealed otherwise.

        Return (sealed anew, could not be opened).

        Raises:
            NoCommittee: the choice is a quorum alone, and nobody holds the key; nothing was changed.
            WishNeeded: the choice is a quorum alone, which may not even open a record for its patient.
        """
        if choice.locks_out:
            raise WishNeeded
        if choice.readers == Readers.TRUSTEES and self._service.committee() is None:
            raise NoCommittee(KeyUse.RECORDS)
        rows = self._store.openable(patient_id)
        self._store.choose(patient_id, choice)
        committee = self._service.committee()
        key_id = committee.key_id if committee is not None else NO_KEY
        due = [row for row in rows if choice_of(row) != choice or row.key_id != key_id]
        changed = sum(self._seal_anew(row, choice) for row in due)
        return changed, len(due) - changed

    def follow_key(self) -> int:
        """Seal some records to the threshold key in force that are sealed to another or to none; return how many."""
        committee = self._service.committee()
        if committee is None:
            return 0
        rows = self._store.sealed_to_other_keys(committee.key_id, RESEALED_AT_ONCE)
        return sum(self._seal_anew(row, choice_of(row)) for row in rows)

    def _seal_anew(self, row: StoredRecord, choice: Choice) -> bool:
        try:
            kept = sealed_of(row)
            body = self._service.open(kept, Digest(row.leaf.digest))
        except (TamperedError, MalformedError):  # it stays as it is, and says so when it is looked at
            return False
        policy = RecordPolicy(kept.policy.record, choice.readers, choice.consent)
        return self._store.replace(row.id, kept.salt, self._service.seal(policy, body))

    def _read_one(self, row: StoredRecord) -> Shown:
        try:
            return self.read(row)
        except RecordDamaged:
            return Shown(row, "damaged")


def shown(row: StoredRecord, found: Check | Note) -> Shown:
    """Return an opened record for a page, or raise RecordDamaged when it is not the row's."""
    if found.patient.id != row.patient_id or isinstance(found, Note) != (row.about_id is not None):
        raise RecordDamaged(row.number or "", "it is another patient's, or of another kind")
    if isinstance(found, Check):
        return Shown(row, "open", check=found)
    return Shown(row, "open", note=found)


def new_policy(profile: PatientProfile) -> RecordPolicy:
    """Return the policy of a new record by its patient's choice."""
    return RecordPolicy(secrets.token_bytes(RECORD_ID_BYTES), Readers(profile.readers), purposes_in(profile.consent))


def choice_of(chosen: PatientProfile | StoredRecord) -> Choice:
    """Return what a patient chose, in general or when a record was sealed."""
    return Choice(Readers(chosen.readers or Readers.TRUSTEES), purposes_in(chosen.consent or 0))


def sealed_of(row: StoredRecord) -> SealedRecord:
    """Return a row's sealed file with what is needed to check it.

    Raises:
        NotFound: the record was erased.
    """
    if row.file is None or row.salt is None or row.record_id is None or row.key_id is None:
        raise NotFound
    choice = choice_of(row)
    policy = RecordPolicy(row.record_id, choice.readers, choice.consent)
    return SealedRecord(row.file, row.salt, policy, row.key_id, row.key_epoch or 0)


def subject_of(profile: PatientProfile) -> Subject:
    """Return whose record it is."""
    return Subject(profile.account_id, profile.account.name, profile.date_of_birth.isoformat())
