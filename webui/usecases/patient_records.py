"""Makes, reads and seals again the records of patients.

Invariant: the contents of a record are in memory only while the site answers one request.

Source: PROTOCOL.md 9 (records; policy).
Not here: requests by others (record_requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fl.crypto.capsule import NO_KEY, Readers, RecordPolicy
from fl.protocol.errors import MalformedError, NoCommittee, RecipientNotFound, TamperedError
from fl.protocol.names import Digest, KeyUse
from webui.config import Limit
from webui.errors import NotFound, RecordDamaged, WishNeeded
from webui.ports.consent import Choice, purposes_in
from webui.ports.federation import Prediction
from webui.ports.records import RecordService, SealedRecord
from webui.store.accounts import SignedInUser
from webui.store.job_tables import ConsentChange
from webui.store.models import SiteRole, StoredRecord
from webui.store.openings import How, Openings
from webui.store.records import NewRecord, RecordStore
from webui.usecases.rates import Rates
from webui.usecases.receipts import new_receipt, software
from webui.usecases.record_format import Check, Note, Record, pack, unpack
from webui.usecases.record_pictures import NO_VIEWS, ONE_PICTURE
from webui.usecases.review_format import Review
from webui.usecases.risk_format import NewRisk, RiskRecord, risk_record
from webui.usecases.sampling import Checked, views_of
from webui.usecases.sealing import choice_of, seal_all_as_chosen, seal_as_chosen, sealed_of, subject_of

RESEALED_AT_ONCE = 20
"""At most this many files are sealed to a new key in one turn of the upkeep."""
FILES_AT_ONCE = 8
"""At most this many files of a list are in memory."""
LISTED = Limit(6000, 60)
"""Records that the lists of one person open within a minute, in this process: 150 of the largest pages."""
AT_ONCE = 3
"""So many files are sealed again before the patient gets an answer; the rest follow in the background."""


@dataclass(frozen=True)
class Shown:
    """A record for a page: its row, and its contents if the site can open it."""

    row: StoredRecord
    state: str
    """open, waiting (for a quorum), erased, or damaged."""
    check: Check | None = None
    note: Note | None = None
    review: Review | None = None
    risk: RiskRecord | None = None
    picture_bytes: int = 0
    """Of the check's own picture as PNG, also where a list does not keep it."""


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
        self._rates = Rates(clock)

    def add_check(self, patient_id: int, image_png: bytes, prediction: Prediction) -> int:
        """Seal and store a check of one picture as its patient chose; return its row. It raises as `add`."""
        return self.add(patient_id, Checked(prediction, image_png, views_of(image_png, prediction), ONE_PICTURE))

    def add(self, patient_id: int, checked: Checked) -> int:
        """Seal and store one check as its patient chose; return its row.

        Raises:
            NoCommittee: the patient chose that only a quorum opens records, and nobody holds the key.
            UnavailableError: the chain does not answer and has not answered since the start.
        """
        profile, prediction = self._store.patient(patient_id), checked.lead
        check = Check(
            patient=subject_of(profile),
            checked_at=self._clock(),
            label=prediction.label,
            probability=prediction.probability,
            shares=prediction.shares,
            kept=prediction.kept,
            model=prediction.model,
            image_png=checked.image_png,
            views=checked.views,
            sample=checked.sample,
            route=prediction.route,
            software=software(),
            private=prediction.private,
        )
        hospital = self._service.sealer().account

        def keep(sealed: SealedRecord) -> int:
            receipt = new_receipt(check, sealed.policy.record, hospital)
            return self._store.add(NewRecord(patient_id, sealed, check.checked_at, receipt=receipt))

        return seal_as_chosen(self._store, self._service, patient_id, pack(check), keep)

    def add_risks(self, entered_by: str, risks: Sequence[NewRisk]) -> list[int]:
        """Seal and store answers about tables as their patients chose, all or none; return their rows.

        Raises:
            NoCommittee, UnavailableError: as `add`.
        """
        now, chosen = self._clock(), {each.patient_id: self._store.patient(each.patient_id) for each in risks}
        version, hospital = software(), self._service.sealer().account
        records = [risk_record(subject_of(chosen[each.patient_id]), now, entered_by, each, version) for each in risks]
        bodies = [(each.patient_id, pack(record)) for each, record in zip(risks, records, strict=True)]

        def keep(sealed: Sequence[SealedRecord]) -> list[int]:
            new = []
            for each, record, one in zip(risks, records, sealed, strict=True):
                receipt = new_receipt(record, one.policy.record, hospital)
                new.append(NewRecord(each.patient_id, one, now, receipt=receipt))
            return self._store.add_all(new)

        return seal_all_as_chosen(self._store, self._service, bodies, keep)

    def add_note(self, doctor: SignedInUser, row_id: int, text: str) -> None:
        """Seal and store a treating doctor's note on a check.

        Raises:
            NotFound: there is no such check, it was erased, or this doctor may not see it.
        """
        row = self._store.visible(doctor, row_id)
        if row.record_id is None:
            raise NotFound
        note = Note(subject_of(row.patient), row.record_id, doctor.name, self._clock(), text)

        def keep(sealed: SealedRecord) -> int:
            return self._store.add(NewRecord(row.patient_id, sealed, note.written_at, row.id))

        seal_as_chosen(self._store, self._service, row.patient_id, pack(note), keep)

    def show(self, reader: SignedInUser, row: StoredRecord, how: How = How.CHECK) -> Shown:
        """Open a record for a reader who may see it; note first that a doctor opened it.

        Raises:
            RecordDamaged: as `read`.
        """
        shown_record = self.read(row)
        self._note(reader, [shown_record], how)
        return shown_record

    def show_all(self, reader: SignedInUser, rows: Sequence[StoredRecord], how: How = How.CHECK) -> list[Shown]:
        """Open several records; a damaged one does not hide the others."""
        shown_records = [self._read_one(row) for row in rows]
        self._note(reader, shown_records, how)
        return shown_records

    def glance(self, reader: SignedInUser, row_ids: Sequence[int], how: How = How.LIST) -> list[Shown]:
        """Open several records, a few at a time, and keep no picture, so that memory never holds many files.

        Raises:
            TooManyAttempts: the lists of this person have opened too many records within a minute.
        """
        self._rates.take(f"listed {reader.id}", LISTED, len(row_ids))
        seen = list(self.peek(row_ids))
        self._note(reader, seen, how)
        return seen

    def peek(self, row_ids: Sequence[int]) -> Iterator[Shown]:
        """Open several records as `glance` does, only to put them in order: nobody may see what this yields."""
        starts = range(0, len(row_ids), FILES_AT_ONCE)
        rows = (row for start in starts for row in self._store.whole_of(row_ids[start : start + FILES_AT_ONCE]))
        return (_without_picture(self._read_one(row)) for row in rows)

    def newest_review(self, reader: SignedInUser, row: StoredRecord) -> Review | None:
        """Return the newest review of a check that the reader may see; None if this site can open none."""
        if reader.role is SiteRole.PATIENT and row.patient_id != reader.id:
            raise NotFound
        opened = (self._read_one(each) for each in reversed(self._store.notes_on(row.id)))
        found = [each for each in opened if each.review is not None][:1]
        self._note(reader, found, How.LIST)
        return found[0].review if found else None

    def read(self, row: StoredRecord) -> Shown:
        """Open a record, or return why it cannot be shown.

        Raises:
            RecordDamaged: the file was changed, or belongs to another patient.
        """
        if row.erased_at is not None:
            return Shown(row, "erased")
        try:
            record = unpack(self._service.open(sealed_of(row), Digest(row.leaf.digest)))
        except RecipientNotFound:
            return Shown(row, "waiting")
        except (TamperedError, MalformedError) as error:
            raise RecordDamaged(row.number or "", str(error)) from error
        return shown(row, record)

    def choose(self, patient_id: int, choice: Choice) -> tuple[int, int]:
        """Store a patient's choice, and begin to seal again the records that differ; `carry_on` does the rest.

        Return how many records were sealed again so far, and how many could not be opened.

        Raises:
            NoCommittee: the patient chose that only a quorum opens records, and nobody holds the key.
            WishNeeded: the patient chose the same, but not even the patient could ask for a record.
        """
        if choice.locks_out:
            raise WishNeeded
        committee = self._service.committee()
        if choice.readers == Readers.TRUSTEES and committee is None:
            raise NoCommittee(KeyUse.RECORDS)
        change = self._changes.begin(patient_id, choice, committee.key_id if committee is not None else NO_KEY)
        now = change if change.done else self._go_on(change, AT_ONCE) or change
        return now.changed, now.unopened

    def carry_on(self) -> int:
        """Continue all changes of consent; return how many there are."""
        changes = self._changes.under_way()
        for change in changes:
            self._go_on(change)
        return len(changes)

    def change_of(self, patient_id: int) -> ConsentChange | None:
        return self._changes.of(patient_id)

    def _go_on(self, change: ConsentChange, most: int | None = None) -> ConsentChange | None:
        """Seal at most `most` records again, one at a time, each in its own transaction."""
        committee = self._service.committee()
        key_id = committee.key_id if committee is not None else NO_KEY
        choice = Choice(Readers(change.readers), purposes_in(change.consent))
        now: ConsentChange | None = change
        while now is not None and not now.done:
            row = self._changes.next_outdated(now, key_id)
            if row is not None and most is not None and now.changed + now.unopened >= most:
                return now
            sealed = self._seal_again(row, choice) if row is not None else False
            if sealed is None:
                now = self._changes.still(now)
                continue
            now = self._changes.progress(now, row.id if row is not None else None, sealed=sealed)
        return now

    def follow_key(self) -> int:
        """Seal some records to the current threshold key if they are sealed to another key or none; return how many."""
        committee = self._service.committee()
        if committee is None:
            return 0
        row_ids = self._store.sealed_to_other_keys(committee.key_id, RESEALED_AT_ONCE)
        rows = (self._store.whole(row_id) for row_id in row_ids)
        return sum(self._seal_again(row, choice_of(row.patient)) or False for row in rows if row is not None)

    def _seal_again(self, row: StoredRecord, choice: Choice) -> bool | None:
        """Return whether the record could be opened and sealed again.

        None means that it was sealed by somebody else meanwhile, or that the patient chose otherwise meanwhile.
        """
        try:
            sealed = sealed_of(row)
            body = self._service.open(sealed, Digest(row.leaf.digest))
        except (NotFound, TamperedError, MalformedError):  # `read` reports this when somebody opens the record
            return False
        policy = RecordPolicy(sealed.policy.record, choice.readers, choice.consent)
        return self._store.replace(row.id, sealed.salt, self._service.seal(policy, body)) or None

    def _note(self, reader: SignedInUser, records: Sequence[Shown], how: How) -> None:
        if reader.role is not SiteRole.PATIENT:
            self._openings.note(reader.id, [each.row for each in records if each.state == "open"], how)

    def _read_one(self, row: StoredRecord) -> Shown:
        try:
            return self.read(row)
        except RecordDamaged:
            return Shown(row, "damaged")


def shown(row: StoredRecord, record: Record) -> Shown:
    """Return an opened record for a page, or raise RecordDamaged if it does not belong to the row."""
    if record.patient.id != row.patient_id or isinstance(record, Check | RiskRecord) != (row.about_id is None):
        raise RecordDamaged(row.number or "", "it belongs to another patient or is of another kind")
    match record:
        case Check():
            return Shown(row, "open", check=record, picture_bytes=len(record.image_png))
        case Note():
            return Shown(row, "open", note=record)
        case Review():
            return Shown(row, "open", review=record)
        case RiskRecord():
            return Shown(row, "open", risk=record)


def _without_picture(shown_record: Shown) -> Shown:
    check = shown_record.check
    if check is None:
        return shown_record
    others = tuple(replace(each, image_png=b"", views=NO_VIEWS) for each in check.sample.others)
    sample = replace(check.sample, others=others)
    return replace(shown_record, check=replace(check, image_png=b"", views=NO_VIEWS, sample=sample))
