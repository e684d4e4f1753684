"""Requests to a quorum for one record: who may ask, and who may read the result.

Invariant: the purpose of a request is one that the patient allows now and allowed when the record was sealed. Only the
asker reads what a quorum opened, for a limited time, and the site never stores it.

Source: PROTOCOL.md 9 (policy, requests).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from fl.crypto.capsule import NO_KEY
from fl.protocol.errors import MalformedError, PolicyNotApproved, RefusedError, TamperedError, UnavailableError
from fl.protocol.names import Digest, Purpose
from webui.errors import NotFound, NotSealedToQuorum, RecordDamaged
from webui.ports.consent import ASKED_BY_DOCTORS, purposes_in
from webui.ports.decryption_requests import RequestFacts, RequestService, RequestState
from webui.store.accounts import SignedInUser
from webui.store.decryption_requests import NewRequest, RequestStore
from webui.store.models import RequestRow, SiteRole, StoredRecord
from webui.store.openings import How, Openings
from webui.store.records import RecordStore
from webui.usecases.patient_records import Shown, shown
from webui.usecases.reasons import Reasons, Why
from webui.usecases.record_format import unpack
from webui.usecases.sealing import sealed_of

READABLE_S = 30 * 24 * 3600
"""How long after the request the asker can read the record; then a new request is needed."""
TURNS = 32
"""All records share these locks; two records with one lock only wait for each other."""
PENDING = {RequestState.OPEN, RequestState.READY}


@dataclass(frozen=True)
class RequestView:
    """A request for a page: the site's row and the ledger's facts."""

    row: RequestRow
    facts: RequestFacts | None
    """None if the request did not reach the ledger."""
    current: bool
    """Whether the request is still about the record's file: the record was neither erased nor sealed again."""
    readable: bool
    """Whether the asker may read what the quorum opened."""

    @property
    def allowed(self) -> bool:
        """Return whether the patient still allows the purpose."""
        return self.row.purpose in purposes_in(self.row.record.patient.consent)

    @property
    def pending(self) -> bool:
        """Return whether a second request would be a duplicate."""
        return self.facts is not None and self.current and self.facts.state in PENDING


class RecordRequests:
    """Requests for records of this hospital's patients."""

    def __init__(
        self,
        requests: RequestStore,
        openings: Openings,
        records: RecordStore,
        service: RequestService,
        reasons: Reasons,
        clock: Callable[[], int],
    ) -> None:
        self._reasons = reasons
        self._requests = requests
        self._openings = openings
        self._records = records
        self._service = service
        self._clock = clock
        self._turns = tuple(Lock() for _ in range(TURNS))
        """One is taken while somebody asks for a record, so that two clicks make one request."""

    def find(self, text: str) -> Sequence[StoredRecord]:
        """Return the checks and notes with exactly this e-mail address or record number; there may be none."""
        if "@" in text:
            return self._records.of_email(text)
        row = self._records.numbered(text)
        return [row] if row is not None else []

    def ask(self, asker: SignedInUser, number: str, purpose: Purpose, why: Why | None = None) -> RequestView:
        """Ask the quorum for a record; if the same request is pending, return that one.

        Raises:
            NotFound: there is no such record, or this asker may not ask for it.
            PolicyNotApproved: the patient does not allow this purpose.
            NotSealedToQuorum: the record was made before trustees held the key.
            RefusedError, UnavailableError: the ledger.
        """
        row = self._record(asker, number, purpose)
        with self._turns[row.id % len(self._turns)]:
            return self._ask(asker, row, purpose, why)

    def of(self, asker: SignedInUser) -> list[RequestView]:
        """Return the requests of one asker, the newest first."""
        return self._views(self._requests.of_asker(asker.id))

    def about(self, patient_id: int) -> list[RequestView]:
        """Return all requests of this site about a patient, the newest first."""
        return self._views(self._requests.about_patient(patient_id))

    def past_this_site(self, patient_id: int) -> list[tuple[StoredRecord, RequestFacts]]:
        """Return the ledger's requests for a patient's records that were not made on this site."""
        labels = self._records.labels_of(patient_id)
        about = self._service.about(list(labels))
        known = self._requests.by_numbers([facts.number for facts in about])
        return [(labels[facts.label], facts) for facts in about if not facts.own or facts.number not in known]

    def under_way(self, asker: SignedInUser, record_row: int) -> RequestView | None:
        """Return the asker's newest pending or readable request for a record; None also while the ledger is silent."""
        try:
            views = self.of(asker)
        except UnavailableError:
            return None
        return next((one for one in views if one.row.record_row == record_row and (one.pending or one.readable)), None)

    def one(self, asker: SignedInUser, row_id: int) -> RequestView:
        """Return one of the asker's requests, or raise NotFound."""
        return self._views([self._requests.own(asker.id, row_id)])[0]

    def open(self, view: RequestView) -> tuple[Shown, tuple[str, ...]]:
        """Open the record of an approved request; also return the names of trustees whose answers were wrong.

        Raises:
            NotFound: the asker may not read it (`RequestView.readable`).
            QuorumNotReached: too few answers are correct.
            RecordDamaged: the file was changed.
        """
        row, facts = view.row.record, view.facts
        if facts is None or not view.readable:
            raise NotFound
        try:
            opened = self._service.open(facts.number, sealed_of(row), Digest(row.leaf.digest))
            record = shown(row, unpack(opened.body))
        except RecordDamaged:
            raise
        except (TamperedError, MalformedError) as error:
            raise RecordDamaged(row.number or "", str(error)) from error
        if view.row.asker_id != row.patient_id:
            self._openings.note(view.row.asker_id, [row], How.REQUEST)
        return record, opened.wrong

    def still_allowed(self, number: int) -> bool:
        """Return whether a trustee may approve a request on this site.

        If the request was made here, the patient must still allow the purpose, and the record must not be erased.
        """
        row = self._requests.by_numbers([number]).get(number)
        if row is None:
            return True
        return row.record.erased_at is None and row.purpose in purposes_in(row.record.patient.consent)

    def _ask(self, asker: SignedInUser, row: StoredRecord, purpose: Purpose, why: Why | None) -> RequestView:
        for earlier in self.of(asker):
            if (earlier.row.record_row, earlier.row.purpose) == (row.id, purpose) and earlier.pending:
                return earlier
        sealed = sealed_of(row)
        capsule = self._service.capsule_of(sealed)
        if capsule is None:
            raise NotSealedToQuorum
        sentence = self._reasons.seal(row, why) if why is not None else None
        reason = why.reason if why is not None else None
        made, deadline = self._requests.begin(NewRequest(asker.id, row.id, capsule, purpose, reason, sentence))
        try:
            ledger_number = self._service.request(sealed, purpose, deadline)
        except RefusedError:
            self._requests.withdraw(made)
            raise
        self._requests.set_number(made, ledger_number)
        return self.one(asker, made)

    def _record(self, asker: SignedInUser, number: str, purpose: Purpose) -> StoredRecord:
        row = self._records.numbered(number)
        if row is None or (asker.role is SiteRole.PATIENT and row.patient_id != asker.id):
            raise NotFound
        allowed = (Purpose.PATIENT_WISH,) if asker.role is SiteRole.PATIENT else ASKED_BY_DOCTORS
        if purpose not in allowed:
            raise PolicyNotApproved("purpose")
        if purpose not in purposes_in(row.consent or 0) & purposes_in(row.patient.consent):
            raise PolicyNotApproved("consent")
        if row.key_id == NO_KEY:
            raise NotSealedToQuorum
        return row

    def _views(self, rows: Sequence[RequestRow]) -> list[RequestView]:
        for row in rows:
            if row.number is None and row.capsule is not None:
                self._adopt(row)
        facts = self._service.facts([row.number for row in rows if row.number is not None])
        return [self._view(row, facts.get(row.number or 0)) for row in rows]

    def _adopt(self, row: RequestRow) -> None:
        """Set the number of a row whose request reached the ledger although the answer was lost.

        Capsule, purpose and deadline identify the request: no two rows have the same.
        """
        for facts in self._service.about(list(self._records.labels_of_row(row.record_row))):
            if facts.own and (facts.capsule, facts.purpose, facts.deadline) == (row.capsule, row.purpose, row.deadline):
                self._requests.set_number(row.id, facts.number)
                row.number = facts.number
                return

    def _view(self, row: RequestRow, facts: RequestFacts | None) -> RequestView:
        record = row.record
        current = (
            facts is not None
            and record.erased_at is None
            and sealed_of(record).label == facts.label
            and self._service.capsule_of(sealed_of(record)) == facts.capsule
        )
        approved = facts is not None and facts.state in {RequestState.READY, RequestState.FULFILLED}
        recent = self._clock() - row.asked_at <= READABLE_S
        view = RequestView(row, facts, current, readable=False)
        return replace(view, readable=current and approved and recent and view.allowed)
