"""Patients' records between the database and whoever seals them: make, read, seal anew, erase.

Invariant: what a record says exists here in memory only while one request is answered.

Source: PROTOCOL.md 9 (records; policy).
Not here: rows (store/records.py), cryptography (webui/ports/records.py), requests by others (record_requests.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl.crypto.capsule import NO_KEY, RECORD_ID_BYTES, Readers, RecordPolicy
from fl.protocol.errors import MalformedError, NoCommittee, RecipientNotFound, TamperedError
from fl.protocol.names import Digest, KeyUse
from webui.errors import NotFound, RecordDamaged, WishNeeded
from webui.ports.consent import Choice, purposes_in
from webui.ports.federation import Prediction
from webui.ports.records import RecordService, SealedRecord
from webui.store.accounts import SignedInUser
from webui.store.job_tables import ConsentChange
from webui.store.models import PatientProfile, SiteRole, StoredRecord
from webui.store.openings import How, Openings
from webui.store.records import NewRecord, RecordStore
from webui.usecases.record_format import Check, Note, Subject, pack, unpack

RESEALED_AT_ONCE = 20
"""Files sealed to a new key in one go; the rest at the next."""
AT_ONCE = 3
"""Files sealed by a new choice before its patient gets an answer; the rest in the background."""


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

    def __init__(
        self, store: RecordStore, service: RecordService, openings: Openings, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._changes = store.changes
        self._service = service
        self._openings = openings
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
            model=prediction.model,
            image_png=image_png,
        )
        sealed = self._service.seal(new_policy(profile), pack(check))
        return self._store.add(NewRecord(patient_id, sealed, check.checked_at))

    def add_note(self, doctor: SignedInUser, row_id: int, text: str) -> None:
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

    def show(self, reader: SignedInUser, row: StoredRecord, how: How = How.CHECK) -> Shown:
        """Return what a record says to somebody who may see it; an opening by a doctor is written down first.

        Raises:
            RecordDamaged: as `read`.
        """
        found = self.read(row)
        self._note(reader, [found], how)
        return found

    def show_all(self, reader: SignedInUser, rows: Sequence[StoredRecord], how: How = How.CHECK) -> list[Shown]:
        """Return several records; one that is damaged does not hide the others."""
        found = [self._read_one(row) for row in rows]
        self._note(reader, found, how)
        return found

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

    def choose(self, patient_id: int, choice: Choice) -> tuple[int, int]:
        """Keep a patient's choice, and change the first records that are sealed otherwise; `carry_on` does the rest.

        Return (sealed anew, could not be opened) so far.

        Raises:
            NoCommittee: the choice is a quorum alone, and nobody holds the key; nothing was changed.
            WishNeeded: the choice is a quorum alone, which may not even open a record for its patient.
        """
        if choice.locks_out:
            raise WishNeeded
        committee = self._service.committee()
        if choice.readers == Readers.TRUSTEES and committee is None:
            raise NoCommittee(KeyUse.RECORDS)
        change = self._changes.begin(patient_id, choice, committee.key_id if committee is not None else NO_KEY)
        now = change if change.done else self._go_on(change, AT_ONCE) or change
        return now.changed, now.kept

    def carry_on(self) -> int:
        """Change the records of all patients who chose anew; return of how many patients."""
        changes = self._changes.under_way()
        for change in changes:
            self._go_on(change)
        return len(changes)

    def change_of(self, patient_id: int) -> ConsentChange | None:
        return self._changes.of(patient_id)

    def _go_on(self, change: ConsentChange, most: int | None = None) -> ConsentChange | None:
        """Seal records anew, one in memory at a time, each with a transaction of its own; at most `most` of them."""
        committee = self._service.committee()
        key_id = committee.key_id if committee is not None else NO_KEY
        choice = Choice(Readers(change.readers), purposes_in(change.consent))
        now: ConsentChange | None = change
        while now is not None and not now.done:
            row = self._changes.next_due(now, key_id)
            if row is not None and most is not None and now.changed + now.kept >= most:
                return now
            sealed = row is not None and self._seal_anew(row, choice)
            now = self._changes.went_on(now, row.id if row is not None else None, sealed=sealed)
        return now

    def follow_key(self) -> int:
        """Seal some records to the threshold key in force that are sealed to another or to none; return how many."""
        committee = self._service.committee()
        if committee is None:
            return 0
        found = self._store.sealed_to_other_keys(committee.key_id, RESEALED_AT_ONCE)
        rows = (self._store.whole(row_id) for row_id in found)
        return sum(self._seal_anew(row, choice_of(row)) for row in rows if row is not None)

    def _seal_anew(self, row: StoredRecord, choice: Choice) -> bool:
        try:
            kept = sealed_of(row)
            body = self._service.open(kept, Digest(row.leaf.digest))
        except (NotFound, TamperedError, MalformedError):  # it stays as it is, and says so when it is looked at
            return False
        policy = RecordPolicy(kept.policy.record, choice.readers, choice.consent)
        return self._store.replace(row.id, kept.salt, self._service.seal(policy, body))

    def _note(self, reader: SignedInUser, found: Sequence[Shown], how: How) -> None:
        if reader.role is not SiteRole.PATIENT:
            self._openings.note(reader.id, [each.row for each in found if each.state == "open"], how)

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
    return Subject(profile.account_id, profile.account.name, profile.date_of_birth.isoformat())
